//! Recorded values of other implementations: definitions in numpy at extended precision, held there against TA-Lib
//! and pandas. Which column was held against what stands in the folder's manifest.

mod features;
mod files;
mod frames;
