//! Any bytes as messages and answers of every venue: no panic, every bar on its grid and within the rules of a bar,
//! every refusal short and printable.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigc_connectors::VENUES;
use sigc_market::{Bar, Field, Interval};
use sigc_runtime::venue::Frame;

fn keeps_the_rules(interval: Interval, bar: &Bar) {
    let [open, high, low, close] = [Field::Open, Field::High, Field::Low, Field::Close].map(|f| bar.get(f));
    assert!(interval.is_aligned(bar.open_time));
    assert!(low > 0.0 && low <= open && open <= high && low <= close && close <= high && high.is_finite());
    assert!(bar.values.iter().all(|v| v.is_nan() || (v.is_finite() && *v >= 0.0)));
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut frames = Vec::new();
    for venue in VENUES {
        if venue.read_frame(&text, &mut frames).is_err() {
            assert!(frames.is_empty());
        }
        for frame in &frames {
            if let Frame::Kline(k) = frame {
                keeps_the_rules(k.interval, &k.bar);
            }
        }
        for every in ["1m", "1w", "1M"] {
            let interval = Interval::parse(every).expect("an interval");
            let bars = venue.read_klines(interval, bytes).unwrap_or_default();
            assert!(bars.is_sorted_by(|a, b| a.open_time < b.open_time));
            bars.iter().for_each(|bar| keeps_the_rules(interval, bar));
        }
        let _ = venue.read_time(bytes);
        let page = venue.read_instruments(bytes).ok().and_then(|i| i.next_page);
        assert!(venue.instruments(page.as_deref()).path.is_ascii());
        for status in [200, 400, 403, 418, 429, 500] {
            let header = |_: &str| Some(text.chars().take(40).collect());
            if let Err(refusal) = venue.check(status, &header, bytes) {
                let words = refusal.to_string();
                assert!(words.chars().count() < 400 && !words.chars().any(char::is_control));
            }
        }
    }
});
