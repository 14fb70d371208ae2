//! Any bytes through the whole front end: no panic, every label inside the text, fixes that can be applied, and a
//! plan exactly if there are no errors. `fuzz/seeds/frontend` has inputs to begin with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigc_catalog::{Catalog, NoFiles};
use sigc_diag::emit::apply_fixes;
use std::sync::OnceLock;

fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| Catalog::new().with(sigc_library::steps()).with(stand_ins::steps()))
}

/// Data, model and sink steps without their crates, so that the target builds fast.
mod stand_ins {
    use sigc_catalog::*;
    use sigc_market::Field;

    static DATA: DataStep = DataStep {
        info: Info {
            name: "data.binance_futures",
            capability: "shared",
            summary: "bars",
            doc: "bars",
            params: &[&UNIVERSE, &INTERVAL, &GAP, &LABEL],
        },
        fields: &Field::ALL,
        intervals: &[],
        respell: |_| None,
        request: None,
        check: |_| Vec::new(),
    };

    static MODEL: ModelStep = ModelStep {
        info: Info {
            name: "models.pytorch_bilstm_predictor",
            capability: "middlefreq",
            summary: "a model",
            doc: "a model",
            params: &[&WINDOW_SIZE],
        },
        inputs_from: |_| None,
        inspect: |_, _| Err(ModelProblem::Missing { path: "nowhere".into(), param: "window_size" }),
        check: |_| Vec::new(),
    };

    static SINK: SinkStep = SinkStep {
        info: Info {
            name: "sinks.csv_append",
            capability: "shared",
            summary: "rows",
            doc: "rows",
            params: &[&DEDUP_KEY],
        },
        check: |_| Vec::new(),
        target: "path",
        place: Place::File,
    };

    pub fn steps() -> [Step; 3] {
        [Step::Data(&DATA), Step::Model(&MODEL), Step::Sink(&SINK)]
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut diags = sigc_diag::Diags::new();
    let Some((text, tree)) = sigc_syntax::parse_bytes(bytes, &mut diags) else {
        assert!(diags.has_errors());
        return;
    };
    let compiled = sigc_compiler::compile_tree(tree, diags, catalog(), &NoFiles);
    assert_eq!(compiled.plan.is_some(), !compiled.diags.has_errors());
    let found = compiled.diags.clone().sorted();
    for d in &found {
        for l in &d.labels {
            assert!(text.get(l.span.range()).is_some(), "{} points outside the text", d.code.id);
        }
    }
    let _ = apply_fixes(&text, &found);
});
