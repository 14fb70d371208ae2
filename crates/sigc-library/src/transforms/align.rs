//! `transforms.align`: columns of another frame, as of each row's close.

use sigc_catalog::{Info, Shape, TransformStep};

/// `transforms.align`.
pub static ALIGN: TransformStep = TransformStep {
    info: Info {
        name: "transforms.align",
        capability: "shared",
        summary: "joins columns of another frame as of each row's close",
        doc: "\
Adds columns of other frames to `inputs.frame`, the driver. Each of its rows gets the newest row of the other frame \
that is closed when the driver's row closes. This as-of join is the only join between frames of different interval.

```yaml
- transform:
    using: transforms.align
    inputs: {frame: ohlcv_15m, columns: [ohlcv_1d.atr]}
    outputs: {columns: [atr_1d]}
```

`outputs.columns` names the joined columns in the order of `inputs.columns`.

**No look ahead.** The 15m row that opens at 10:00 closes at 10:15. It sees the 1d row that closed at 00:00, and all \
later 15m rows of that day see the same one; the row that closes at 24:00 sees the new day's. A finer frame may be \
joined into a coarser one: the row then sees the last finer row inside it.

**Nulls.** A null cell of the joined row is null here; an older value does not take its place.

**First row.** The first row of the driver at whose close the joined column has its first value.",
        params: &[],
    },
    shape: Shape::Align,
};
