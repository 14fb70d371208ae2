//! A PyTorch `.pt` file: a zip with `NAME/data.pkl` and one file of plain numbers per storage.
//!
//! Bytes in, tensors out. PyTorch stores its entries uncompressed, and only such are read, so no
//! entry can unpack to more than the file itself holds. Checksums are verified by the zip reader.

use std::io::{Cursor, Read};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use crate::error::ModelError;
use crate::pickle::{TensorRef, read_state_dict};
use crate::weights::{RawTensor, Weights, le_floats};

/// Largest description of the tensors, in bytes; a few hundred per tensor is usual.
const MAX_PICKLE_BYTES: u64 = 16 << 20;

/// All tensors of a `.pt` file.
pub(crate) fn read(path: &Path, bytes: &[u8]) -> Result<Weights, ModelError> {
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| {
        let old = "; files saved before PyTorch 1.6 must be saved again";
        ModelError::unreadable(path, format!("it is not a zip file ({e}){old}"))
    })?;
    let mut zip = Zip { path, archive };
    let root = zip.root()?;
    // Absent in files of older versions, which were written on little-endian machines.
    if let Some(order) = zip.entry(&format!("{root}/byteorder"), 16)?
        && order != b"little"
    {
        return Err(ModelError::unreadable(path, "its numbers are not little-endian"));
    }
    let pickle = zip.needed(&format!("{root}/data.pkl"), MAX_PICKLE_BYTES)?;
    let mut weights = Weights::default();
    let mut storage = Storage::default();
    let mut total = 0usize;
    for tensor in read_state_dict(&pickle)? {
        let raw = values(&mut zip, &root, &tensor, &mut storage)?;
        total = total.saturating_add(4 * raw.values.len());
        // Tensors that share their numbers could otherwise unpack to any size.
        if total > bytes.len() {
            return Err(ModelError::unreadable(path, "its tensors overlap"));
        }
        weights.insert(tensor.name, raw);
    }
    Ok(weights)
}

/// The storage read last; tensors that were flattened for a GPU all lie in the same one.
#[derive(Default)]
struct Storage {
    key: String,
    data: Vec<u8>,
}

fn values(zip: &mut Zip<'_>, root: &str, t: &TensorRef<'_>, storage: &mut Storage) -> Result<RawTensor, ModelError> {
    if t.storage_type != "FloatStorage" {
        return Err(ModelError::TensorDtype {
            name: t.name.to_owned(),
            want: "f32",
            got: t.storage_type.trim_end_matches("Storage").to_lowercase(),
        });
    }
    let path = zip.path;
    let bad = |why: &str| ModelError::unreadable(path, format!("tensor `{}` {why}", t.name));
    if t.storage.is_empty() || !t.storage.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("has a storage whose name is not a number"));
    }
    if !contiguous(&t.shape, &t.strides) {
        return Err(bad("is not contiguous; save it again after `.contiguous()`"));
    }
    if storage.key != t.storage {
        storage.data = zip.needed(&format!("{root}/data/{}", t.storage), u64::MAX)?;
        t.storage.clone_into(&mut storage.key);
    }
    let data = byte_range(t).and_then(|range| storage.data.get(range));
    let data = data.ok_or_else(|| bad("reaches beyond its storage"))?;
    Ok(RawTensor { shape: t.shape.clone(), values: le_floats(data) })
}

fn contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1usize;
    shape.len() == strides.len()
        && shape.iter().zip(strides).rev().all(|(&n, &stride)| {
            let fits = n == 1 || stride == expected;
            expected = expected.saturating_mul(n);
            fits
        })
}

fn byte_range(t: &TensorRef<'_>) -> Option<std::ops::Range<usize>> {
    let len = t.shape.iter().try_fold(4usize, |len, &n| len.checked_mul(n))?;
    let start = t.offset.checked_mul(4)?;
    Some(start..start.checked_add(len)?)
}

struct Zip<'a> {
    path: &'a Path,
    archive: ZipArchive<Cursor<&'a [u8]>>,
}

impl Zip<'_> {
    /// The one folder that has a `data.pkl`.
    fn root(&self) -> Result<String, ModelError> {
        let mut roots = Vec::new();
        for name in self.archive.file_names() {
            let name = name.map_err(|e| ModelError::unreadable(self.path, e))?;
            roots.extend(name.strip_suffix("/data.pkl").map(str::to_owned));
        }
        match roots.len() {
            1 => Ok(roots.remove(0)),
            0 => Err(ModelError::unreadable(self.path, "it is a zip without a `data.pkl`")),
            _ => Err(ModelError::unreadable(self.path, "it has more than one `data.pkl`")),
        }
    }

    fn needed(&mut self, name: &str, max_bytes: u64) -> Result<Vec<u8>, ModelError> {
        let found = self.entry(name, max_bytes)?;
        found.ok_or_else(|| ModelError::unreadable(self.path, format!("`{name}` is not in the zip")))
    }

    fn entry(&mut self, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, ModelError> {
        let path = self.path;
        let bad = |what: String| ModelError::unreadable(path, format!("`{name}` in the zip {what}"));
        let Some(index) = self.archive.index_for_name(name) else { return Ok(None) };
        let mut file = self.archive.by_index(index).map_err(|e| bad(format!("is damaged: {e}")))?;
        if file.compression() != CompressionMethod::Stored {
            return Err(bad("is compressed, which PyTorch does not do".into()));
        }
        let size = file.size();
        if size > max_bytes {
            return Err(bad(format!("has {size} bytes, more than the limit of {max_bytes}")));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| bad(format!("is damaged: {e}")))?;
        if bytes.len() as u64 != size {
            return Err(bad("is cut short".into()));
        }
        Ok(Some(bytes))
    }
}
