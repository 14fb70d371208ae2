//! `transforms.resample`: a frame of whole buckets of a finer frame.

use sigc_catalog::{INCOMPLETE, Info, Shape, TARGET_FREQ, TransformStep};

/// `transforms.resample`.
pub static RESAMPLE: TransformStep = TransformStep {
    info: Info {
        name: "transforms.resample",
        capability: "shared",
        summary: "a frame of whole buckets of a finer frame",
        doc: "\
Groups the rows of `inputs.frame` into buckets `[open, open + target_freq)` in UTC and makes one row of each.

```yaml
- transform:
    using: transforms.resample
    inputs: {frame: ohlcv_15m}
    outputs: {frame: ohlcv_2h}
    params: {target_freq: 2h}
```

| column | of the bucket's rows |
| --- | --- |
| `open` | the first |
| `high` | the greatest |
| `low` | the least |
| `close` | the last |
| `volume`, `quote_volume`, `trades`, `taker_buy_volume`, `taker_buy_quote_volume` | the sum |

**Grid.** `target_freq` is a multiple of the frame's interval. Buckets start at multiples of it since 1970, weeks on \
Monday, months on the first. A row is there when the last bar of its bucket has closed, never before: no row of the \
new frame knows anything of a bar that is still forming.

**Nulls.** Missing rows and null cells are left out, so that the row is the venue's own larger bar; a cell is null \
when no row of its bucket has one. With `incomplete: null` one null cell, or one missing row, makes the bucket's cell \
null.

**First row.** The first bucket that lies wholly inside the history; one that the start of the history cuts is left \
out. A value that needs m rows of this frame needs m times `target_freq / interval` rows of the finer one, and up to \
`target_freq / interval - 1` more at an instant within a bucket.",
        params: &[&TARGET_FREQ, &INCOMPLETE],
    },
    shape: Shape::Resample,
};
