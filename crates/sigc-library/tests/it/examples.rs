//! Every worked example runs. Its values were worked out by hand from the formula in the feature's docs; comments
//! beside them show the steps where they are not plain.

use crate::args::written;
use crate::run;

#[test]
fn examples_give_what_they_say() {
    for f in run::composed() {
        let name = f.info.name;
        assert!(!f.examples.is_empty(), "`{name}` has no example");
        for example in f.examples {
            let title = example.title;
            assert_eq!(example.input.len(), f.roles.len(), "`{name}`, {title}: one column per role");
            assert_eq!(example.output.len(), f.outputs.len(), "`{name}`, {title}: one column per output");
            let columns: Vec<&[Option<f64>]> = f
                .roles
                .iter()
                .map(|r| example.input.iter().find(|(role, _)| *role == r.name).expect("every role is given").1)
                .collect();
            assert!(columns.iter().all(|c| c.len() == columns[0].len()), "`{name}`, {title}: columns differ in length");

            let args = written(f, example.args.iter().copied());
            let (graph, outputs) = run::build_alone(f, &args);
            let plan = run::plan(vec![run::source(run::hour())], &graph, &outputs);
            let result = run::run(&plan, &run::bars(&columns));
            for (output, &value) in f.outputs.iter().zip(&outputs) {
                let want = example.output.iter().find(|(o, _)| *o == output.name).expect("every output is given").1;
                let got: Vec<Option<f64>> = result.value(value).iter().map(|&x| (!x.is_nan()).then_some(x)).collect();
                assert_eq!(got.len(), want.len(), "`{name}`, {title}, {}: rows", output.name);
                let same = got.iter().zip(want).all(|(g, w)| match (g, w) {
                    (Some(g), Some(w)) => (g - w).abs() <= 1e-13 * w.abs().max(1.0),
                    (None, None) => true,
                    _ => false,
                });
                assert!(same, "`{name}`, {title}, {}: {got:?} instead of {want:?}", output.name);
            }
        }
    }
}
