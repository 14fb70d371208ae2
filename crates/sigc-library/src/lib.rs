//! Features, strategies and transforms, one file each.
//!
//! A tour: [`features`] holds the columns that can be computed from columns, [`strategies`] the positions that can
//! be made of predictions, [`transforms`] the frames that can be
//! made of frames. Each step is one `static` with its name, docs, parameters, worked examples and, for a feature, the
//! ops it is composed of. [`steps`] hands all of them to a catalog; nothing here knows YAML or the compiler.
//!
//! To add a feature: a file in `features/` with its definition, and its line in [`features::FEATURES`]; a strategy likewise. The tests over
//! the whole catalog then run its examples, compare the lookback it states with the one derived from its ops, and
//! check that each of its parameters changes the plan.

/// Cells of a worked example: `cells![null, 1.0, -2.0]`.
macro_rules! cells {
    (@ [$($done:expr),*]) => { &[$($done),*] };
    (@ [$($done:expr),*] null $(, $($rest:tt)*)?) => { cells!(@ [$($done,)* None] $($($rest)*)?) };
    (@ [$($done:expr),*] $x:expr $(, $($rest:tt)*)?) => { cells!(@ [$($done,)* Some($x)] $($($rest)*)?) };
    ($($all:tt)*) => { cells!(@ [] $($all)*) };
}

pub mod features;
pub mod strategies;
pub mod transforms;

use sigc_catalog::Step;

/// Every step of this crate, features first.
pub fn steps() -> impl Iterator<Item = Step> {
    let features = features::FEATURES.iter().map(|f| Step::Feature(f));
    let transforms = transforms::TRANSFORMS.iter().map(|t| Step::Transform(t));
    let strategies = strategies::STRATEGIES.iter().map(|s| Step::Strategy(s));
    features.chain(transforms).chain(strategies)
}
