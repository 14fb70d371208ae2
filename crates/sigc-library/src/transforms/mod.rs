//! Frames from frames: whole buckets of a finer frame, and columns joined as of each row's close.

mod align;
mod resample;

pub use align::ALIGN;
pub use resample::RESAMPLE;

use sigc_catalog::TransformStep;

/// All transforms, in the order of the docs.
pub static TRANSFORMS: &[&TransformStep] = &[&ALIGN, &RESAMPLE];
