//! `.pt` files built by hand: the good one gives what its safetensors twin gives, and whatever is
//! more than a `state_dict` of floats is refused by name.

use std::io::{Cursor, Write};
use std::path::Path;

use safetensors::SafeTensors;
use sigc_models::{ModelError, load_bilstm};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::support::{MemFiles, made, small_spec, wave};

/// A tensor as the test writes it.
#[derive(Clone)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    data: Vec<u8>,
}

/// How a `.pt` is written; the default is how PyTorch does it.
struct Pt<'a> {
    storage: &'a str,
    strides: fn(&[usize]) -> Vec<usize>,
    offset: i32,
    method: CompressionMethod,
    byteorder: &'a str,
    /// Put in place of the whole `data.pkl`.
    pickle: Option<&'a [u8]>,
}

impl Default for Pt<'_> {
    fn default() -> Self {
        let method = CompressionMethod::Stored;
        Self { storage: "FloatStorage", strides, offset: 0, method, byteorder: "little", pickle: None }
    }
}

fn strides(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|i| shape[i + 1..].iter().product()).collect()
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn int(out: &mut Vec<u8>, n: i32) {
    out.push(b'J');
    out.extend(n.to_le_bytes());
}

fn sizes(out: &mut Vec<u8>, sizes: &[usize]) {
    out.push(b'(');
    sizes.iter().for_each(|n| int(out, *n as i32));
    out.push(b't');
}

impl Pt<'_> {
    fn pickle(&self, tensors: &[Tensor]) -> Vec<u8> {
        let mut out = b"\x80\x02}(".to_vec();
        for (i, tensor) in tensors.iter().enumerate() {
            text(&mut out, &tensor.name);
            out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
            text(&mut out, "storage");
            out.extend(format!("ctorch\n{}\n", self.storage).as_bytes());
            text(&mut out, &i.to_string());
            text(&mut out, "cpu");
            int(&mut out, (tensor.data.len() / 4) as i32);
            out.extend(b"tQ");
            int(&mut out, self.offset);
            sizes(&mut out, &tensor.shape);
            sizes(&mut out, &(self.strides)(&tensor.shape));
            out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
        }
        out.extend(b"u.");
        out
    }

    fn write(&self, tensors: &[Tensor]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(self.method);
        let mut entry = |name: &str, bytes: &[u8]| {
            zip.start_file(format!("small/{name}"), options).expect("in memory");
            zip.write_all(bytes).expect("in memory");
        };
        let pickle = self.pickle.map_or_else(|| self.pickle(tensors), <[u8]>::to_vec);
        entry("data.pkl", &pickle);
        entry("byteorder", self.byteorder.as_bytes());
        for (i, tensor) in tensors.iter().enumerate() {
            entry(&format!("data/{i}"), &tensor.data);
        }
        zip.finish().expect("in memory").into_inner()
    }
}

fn small_tensors(files: &MemFiles) -> Vec<Tensor> {
    let bytes = &files.0[Path::new("small.safetensors")];
    let views = SafeTensors::deserialize(bytes).expect("made by the test");
    let tensor = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| Tensor {
        name: name.to_owned(),
        shape: view.shape().to_vec(),
        data: view.data().to_vec(),
    };
    views.iter().map(tensor).collect()
}

/// The small checkpoint with a `.pt` in place of its `.safetensors`.
fn with_pt(pt: &Pt<'_>) -> MemFiles {
    let mut files = made(&small_spec());
    let tensors = small_tensors(&files);
    files.0.remove(Path::new("small.safetensors"));
    files.with("small.pt", pt.write(&tensors))
}

fn error(files: &MemFiles) -> ModelError {
    load_bilstm(files, Path::new(""), "small").expect_err("must be refused")
}

/// A whole small `.pt`, for damage.
pub fn small_pt() -> MemFiles {
    with_pt(&Pt::default())
}

#[test]
fn a_pt_gives_the_bits_of_its_safetensors_twin() {
    let window: Vec<f64> = wave(18).collect();
    let bits = |files: &MemFiles| {
        let mut model = load_bilstm(files, Path::new(""), "small").expect("valid");
        let lane = model.lane("ETHUSDT").expect("listed");
        model.predict(lane, &window).expect("finite").to_bits()
    };
    assert_eq!(bits(&small_pt()), bits(&made(&small_spec())));
}

#[test]
fn other_calls_are_refused_by_name() {
    let calls: [(&[u8], &str); 4] = [
        (b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.", "a call of `os.system`"),
        (b"\x80\x02c__main__\nBiLSTM\n)\x81}b.", "a call of `__main__.BiLSTM`"),
        (b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.", "a call of `builtins.eval`"),
        (b"\x80\x02}X\x05\x00\x00\x00epochK\x03s.", "`epoch`, which is not a tensor"),
    ];
    for (pickle, what) in calls {
        let error = error(&with_pt(&Pt { pickle: Some(pickle), ..Pt::default() }));
        let ModelError::PickleRefused { what: got } = &error else { panic!("{error}") };
        assert_eq!(got, what);
    }
    // The instance operations that need no global to do harm.
    for op in [b'i', b'o', 0x81, 0x82, 0x93, b'P', b'l', b'0', b'2', 0x95] {
        let pickle = [b'\x80', 2, b'}', op];
        let error = error(&with_pt(&Pt { pickle: Some(&pickle), ..Pt::default() }));
        assert_eq!(
            error.to_string(),
            format!(
                "the `.pt` file holds the pickle operation 0x{op:02x}; only a plain `state_dict` of \
                 tensors is read"
            )
        );
    }
}

#[test]
fn other_numbers_than_contiguous_f32_are_refused() {
    let half = error(&with_pt(&Pt { storage: "HalfStorage", ..Pt::default() }));
    assert!(matches!(&half, ModelError::TensorDtype { got, .. } if got == "half"), "{half}");
    let long = error(&with_pt(&Pt { storage: "LongStorage", ..Pt::default() }));
    assert!(matches!(&long, ModelError::PickleRefused { .. }), "{long}");
    for (pt, part) in [
        (Pt { strides: |shape| vec![1; shape.len()], ..Pt::default() }, "is not contiguous"),
        (Pt { offset: 1, ..Pt::default() }, "reaches beyond its storage"),
        (Pt { byteorder: "big", ..Pt::default() }, "are not little-endian"),
        (Pt { method: CompressionMethod::Deflated, ..Pt::default() }, "is compressed"),
    ] {
        let error = error(&with_pt(&pt));
        assert!(matches!(error, ModelError::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = error(&with_pt(&Pt { offset: -1, ..Pt::default() }));
    assert!(matches!(error, ModelError::PickleRefused { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_zip_says_so() {
    let files = small_pt().with("small.pt", *b"\x80\x02not a zip");
    assert!(error(&files).to_string().contains("not a zip"), "{}", error(&files));
}
