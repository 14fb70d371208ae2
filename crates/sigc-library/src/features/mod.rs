//! Columns from columns.
//!
//! Each file holds one [`Feature`]: what it is for on top, then its definition, then the ops it is composed of. Nulls
//! follow from the ops: windows are null where one of their cells is, smoothers pass over null rows. `roles` say what
//! a feature reads; a frame fills them from its columns of the same name.

use sigc_catalog::Feature;

mod argmax;
mod argmin;
mod atr;
mod bbands;
mod beta;
mod common;
mod corr;
mod cov;
mod diff;
mod donchian;
mod ema;
mod lag;
mod level;
mod linreg;
mod log_return;
mod ma_rocp;
mod macd;
mod max;
mod median;
mod midpoint;
mod midprice;
mod min;
mod momentum;
mod natr;
mod quantile;
mod rma;
mod roc;
mod rocp;
mod rocr;
mod rocr100;
mod rsi;
mod sma;
// `std` alone would hide the standard library in this module.
mod std_;
mod stoch;
mod stochf;
mod sum;
mod ties;
mod true_range;
mod ts_rank;
mod var;
mod vwma;
mod willr;
mod wma;
mod zscore;

/// All features, by name.
pub static FEATURES: &[&Feature] = &[
    &argmax::ARGMAX,
    &argmin::ARGMIN,
    &atr::ATR,
    &bbands::BBANDS,
    &beta::BETA,
    &corr::CORR,
    &cov::COV,
    &diff::DIFF,
    &donchian::DONCHIAN,
    &ema::EMA,
    &lag::LAG,
    &level::LEVEL,
    &linreg::LINREG,
    &log_return::LOG_RETURN,
    &ma_rocp::MA_ROCP,
    &macd::MACD,
    &max::MAX,
    &median::MEDIAN,
    &midpoint::MIDPOINT,
    &midprice::MIDPRICE,
    &min::MIN,
    &momentum::MOMENTUM,
    &natr::NATR,
    &quantile::QUANTILE,
    &rma::RMA,
    &roc::ROC,
    &rocp::ROCP,
    &rocr::ROCR,
    &rocr100::ROCR100,
    &rsi::RSI,
    &sma::SMA,
    &std_::STD,
    &stoch::STOCH,
    &stochf::STOCHF,
    &sum::SUM,
    &true_range::TRUE_RANGE,
    &ts_rank::TS_RANK,
    &var::VAR,
    &vwma::VWMA,
    &willr::WILLR,
    &wma::WMA,
    &zscore::ZSCORE,
];
