//! Files in memory, the shared fixtures, `.npz` files, and a small checkpoint.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use sigc_models::fixture::{CheckpointSpec, write_checkpoint};
use sigc_models::{ReadFiles, Scaler};
use zip::ZipArchive;

/// Files that exist only here.
#[derive(Clone, Default)]
pub struct MemFiles(pub BTreeMap<PathBuf, Vec<u8>>);

impl MemFiles {
    /// The files of a folder with one of these names, under their plain names.
    pub fn from_dir(dir: &Path, names: &[&str]) -> Self {
        let read = |name: &&str| (PathBuf::from(name), fs::read(dir.join(name)).expect("fixture"));
        Self(names.iter().map(read).collect())
    }

    pub fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(name.into(), bytes.into());
        self
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.0[Path::new(name)].clone()).expect("the JSON is text")
    }
}

impl ReadFiles for MemFiles {
    fn read(&self, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
        let bytes = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        if bytes.len() as u64 > max_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.clone())
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }
}

/// The shared model fixtures, where they are present.
#[allow(clippy::print_stderr, reason = "a skipped test should say so")]
pub fn shared() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    if !dir.is_dir() {
        eprintln!("skipped: no shared model fixtures");
        return None;
    }
    Some(dir)
}

/// An array of an `.npz` file as `f64`, row-major; the types that numpy writes for the fixtures.
pub fn npz(path: &Path, name: &str) -> Vec<f64> {
    let bytes = fs::read(path).expect("npz");
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("an npz is a zip");
    let mut npy = Vec::new();
    zip.by_name(&format!("{name}.npy")).expect(name).read_to_end(&mut npy).expect("entry");
    assert_eq!(&npy[..8], b"\x93NUMPY\x01\x00");
    let start = 10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]));
    let header = std::str::from_utf8(&npy[10..start]).expect("npy header");
    assert!(header.contains("'fortran_order': False"));
    let data = &npy[start..];
    let is = |descr: &str| header.contains(&format!("'descr': '{descr}'"));
    if is("<f4") {
        data.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
    } else if is("<f8") {
        data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
    } else {
        assert!(is("<i8"), "{header}");
        data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect()
    }
}

/// 3 features, 2 layers of width 4, 6 rows, two symbols.
pub fn small_spec() -> CheckpointSpec {
    let scaler = |shift: f64| Scaler {
        feature_mean: vec![50.0 + shift, -0.001, 0.0],
        feature_scale: vec![17.0, 0.004, 2.0 + shift],
        target_mean: 0.01 * shift,
        target_scale: 0.005,
    };
    CheckpointSpec {
        strategy: "small".into(),
        features: ["rsi6", "mom_20", "rocp_1"].map(String::from).to_vec(),
        window: 6,
        hidden: 4,
        layers: 2,
        symbols: vec![("BTCUSDT".into(), scaler(0.0)), ("ETHUSDT".into(), scaler(1.0))],
        seed: 7,
        trained: sigc_catalog::Trained::default(),
    }
}

/// `spec` as `STRATEGY.json` and `STRATEGY.safetensors`.
pub fn made(spec: &CheckpointSpec) -> MemFiles {
    let dir = tempfile::tempdir().expect("temporary folder");
    write_checkpoint(dir.path(), spec).expect("the spec is valid");
    let name = |extension| format!("{}.{extension}", spec.strategy);
    MemFiles::from_dir(dir.path(), &[&name("json"), &name("safetensors")])
}

/// Numbers between -1 and 1 that look irregular, the same in every run.
pub fn wave(n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(|i| (i as f64 * 1.7 + 0.3).sin())
}

/// A small generator for damage; the quality of its bits does not matter.
pub struct Lcg(pub u64);

impl Lcg {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}
