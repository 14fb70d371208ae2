//! A bar and the names of its fields.

use crate::Ts;
use serde::{Deserialize, Serialize};

/// The null cell. A cell is a finite `f64` or this one quiet NaN; no other NaN and no infinity is ever stored, so
/// cells compare by their bits.
pub const NULL: f64 = f64::NAN;

/// What a bar holds beside its open time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    Close,
    /// Traded amount in base units.
    Volume,
    /// Traded amount in quote units.
    QuoteVolume,
    /// Number of trades.
    Trades,
    /// Base units bought by takers.
    TakerBuyVolume,
    /// Quote units bought by takers.
    TakerBuyQuoteVolume,
}

/// How many fields a bar has.
pub const N_FIELDS: usize = 9;

impl Field {
    /// All fields, in the order of [`Bar::values`].
    pub const ALL: [Field; N_FIELDS] = [
        Field::Open,
        Field::High,
        Field::Low,
        Field::Close,
        Field::Volume,
        Field::QuoteVolume,
        Field::Trades,
        Field::TakerBuyVolume,
        Field::TakerBuyQuoteVolume,
    ];

    /// The five every venue gives.
    pub const OHLCV: [Field; 5] = [Field::Open, Field::High, Field::Low, Field::Close, Field::Volume];

    /// The column's name.
    pub fn name(self) -> &'static str {
        match self {
            Field::Open => "open",
            Field::High => "high",
            Field::Low => "low",
            Field::Close => "close",
            Field::Volume => "volume",
            Field::QuoteVolume => "quote_volume",
            Field::Trades => "trades",
            Field::TakerBuyVolume => "taker_buy_volume",
            Field::TakerBuyQuoteVolume => "taker_buy_quote_volume",
        }
    }

    /// The field of a column name.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Position in [`Bar::values`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// One closed candle.
#[derive(Debug, Clone, Copy)]
pub struct Bar {
    /// First instant of the bar.
    pub open_time: Ts,
    /// The fields in the order of [`Field::ALL`]; [`NULL`] where the venue gives none.
    pub values: [f64; N_FIELDS],
}

impl Bar {
    /// A bar of the five fields every venue gives; the others are null.
    pub fn ohlcv(open_time: Ts, open: f64, high: f64, low: f64, close: f64, volume: f64) -> Bar {
        let mut values = [NULL; N_FIELDS];
        values[..5].copy_from_slice(&[open, high, low, close, volume]);
        Bar { open_time, values }
    }

    /// One field; null where the venue gives none.
    pub fn get(&self, field: Field) -> f64 {
        self.values[field.index()]
    }
}

impl PartialEq for Bar {
    /// Equal bits; two nulls are equal.
    fn eq(&self, other: &Bar) -> bool {
        self.open_time == other.open_time
            && self
                .values
                .iter()
                .zip(&other.values)
                .all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
    }
}
