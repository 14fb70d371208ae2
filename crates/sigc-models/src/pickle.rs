//! Reads the `data.pkl` of a PyTorch `state_dict`, and nothing else.
//!
//! A pickle is a program. This machine knows the few operations that `torch.save(state_dict)`
//! writes (protocol 2) and three callables: `OrderedDict()`, `_rebuild_tensor_v2(...)` and the
//! storage classes. Whatever else turns up is refused by name; nothing is ever looked up or called.
//! Values live in flat lists and refer to each other by index, so that hostile nesting cannot
//! exhaust the stack, and no value is larger than the text it came from.

use crate::error::ModelError;

/// A tensor as the pickle describes it: where its numbers are, not the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorRef<'a> {
    pub(crate) name: &'a str,
    /// Name of the storage below `data/`.
    pub(crate) storage: &'a str,
    /// Class of the storage, such as `FloatStorage`.
    pub(crate) storage_type: &'a str,
    /// Position of the first value in the storage, in values.
    pub(crate) offset: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// The tensors of a `state_dict`, in its order.
pub(crate) fn read_state_dict(bytes: &[u8]) -> Result<Vec<TensorRef<'_>>, ModelError> {
    Machine::new(bytes).run()
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Mark,
    None,
    Bool,
    Int(i64),
    Str(&'a str),
    Tuple(usize),
    Dict(usize),
    OrderedDict,
    RebuildTensor,
    StorageType(&'a str),
    Storage { kind: &'a str, key: &'a str },
    Tensor(usize),
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    memo: Vec<Option<Value<'a>>>,
    tuples: Vec<Vec<Value<'a>>>,
    dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    tensors: Vec<TensorRef<'a>>,
}

fn refused<T>(what: impl Into<String>) -> Result<T, ModelError> {
    Err(ModelError::PickleRefused { what: what.into() })
}

fn damaged() -> ModelError {
    ModelError::PickleRefused { what: "a damaged list of tensors".into() }
}

impl<'a> Machine<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            stack: Vec::new(),
            memo: Vec::new(),
            tuples: Vec::new(),
            dicts: Vec::new(),
            tensors: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Vec<TensorRef<'a>>, ModelError> {
        loop {
            match self.byte()? {
                b'.' => return self.finish(),
                op => self.step(op)?,
            }
        }
    }

    fn step(&mut self, op: u8) -> Result<(), ModelError> {
        let value = match op {
            0x80 => match self.byte()? {
                2 => return Ok(()),
                n => return refused(format!("a pickle of protocol {n} instead of 2")),
            },
            b'(' => Value::Mark,
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool,
            b'K' => Value::Int(i64::from(self.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            0x8a => self.long()?,
            b'X' => {
                let len = u32::from_le_bytes(self.array()?);
                Value::Str(self.text(len as usize)?)
            }
            b'c' => self.global()?,
            b')' => self.tuple(Vec::new()),
            0x85..=0x87 => {
                let len = usize::from(op - 0x84);
                let from = self.stack.len().checked_sub(len).ok_or_else(damaged)?;
                let items = self.stack.split_off(from);
                self.tuple(items)
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.tuple(items)
            }
            b'}' => self.dict(),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                return self.set_items(&[key, value]);
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                return self.set_items(&items);
            }
            b'Q' => {
                let id = self.pop()?;
                self.storage(id)?
            }
            b'R' => {
                let (args, callable) = (self.pop()?, self.pop()?);
                self.call(callable, args)?
            }
            b'b' => {
                // `state_dict` carries `_metadata` (versions of modules), which no weight depends on.
                let state = self.pop()?;
                return match (self.stack.last(), state) {
                    (Some(Value::Dict(_)), Value::Dict(_)) => Ok(()),
                    _ => refused("an object with a state of its own"),
                };
            }
            b'q' => {
                let slot = usize::from(self.byte()?);
                return self.remember(slot);
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?) as usize;
                return self.remember(slot);
            }
            b'h' => {
                let slot = usize::from(self.byte()?);
                self.recall(slot)?
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?) as usize;
                self.recall(slot)?
            }
            op => return refused(format!("the pickle operation 0x{op:02x}")),
        };
        self.stack.push(value);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<TensorRef<'a>>, ModelError> {
        let (Value::Dict(top), true) = (self.pop()?, self.stack.is_empty()) else {
            return refused("something else than a `state_dict`");
        };
        let mut named: Vec<TensorRef<'a>> = Vec::new();
        for &(key, value) in &self.dicts[top] {
            let Value::Str(name) = key else { return refused("an entry without a name") };
            let Value::Tensor(i) = value else {
                return refused(format!("`{name}`, which is not a tensor"));
            };
            if named.iter().any(|t| t.name == name) {
                return refused(format!("`{name}` twice"));
            }
            named.push(TensorRef { name, ..self.tensors[i].clone() });
        }
        Ok(named)
    }

    fn global(&mut self) -> Result<Value<'a>, ModelError> {
        let (module, name) = (self.line()?, self.line()?);
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Value::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Value::RebuildTensor),
            // Types other than float are told apart later, in words about the tensor.
            ("torch", "FloatStorage" | "DoubleStorage" | "HalfStorage" | "BFloat16Storage") => {
                Ok(Value::StorageType(name))
            }
            _ => refused(format!("a call of `{module}.{name}`")),
        }
    }

    fn storage(&self, id: Value<'a>) -> Result<Value<'a>, ModelError> {
        // The last entry is the storage's length, which the size of its file shows as well.
        if let Value::Tuple(i) = id
            && let [Value::Str("storage"), Value::StorageType(kind), Value::Str(key), Value::Str(_), Value::Int(_)] =
                self.tuples[i][..]
        {
            return Ok(Value::Storage { kind, key });
        }
        refused("a persistent object that is not a storage")
    }

    fn call(&mut self, callable: Value<'a>, args: Value<'a>) -> Result<Value<'a>, ModelError> {
        let Value::Tuple(args) = args else { return Err(damaged()) };
        match (callable, &self.tuples[args][..]) {
            (Value::OrderedDict, []) => Ok(self.dict()),
            (
                Value::RebuildTensor,
                &[
                    Value::Storage { kind, key },
                    Value::Int(offset),
                    Value::Tuple(shape),
                    Value::Tuple(strides),
                    Value::Bool,
                    Value::Dict(hooks),
                ],
            ) if self.dicts[hooks].is_empty() => {
                let tensor = TensorRef {
                    name: "",
                    storage: key,
                    storage_type: kind,
                    offset: usize::try_from(offset).map_err(|_| damaged())?,
                    shape: self.sizes(shape)?,
                    strides: self.sizes(strides)?,
                };
                self.tensors.push(tensor);
                Ok(Value::Tensor(self.tensors.len() - 1))
            }
            _ => refused("a call with unusual arguments"),
        }
    }

    fn sizes(&self, tuple: usize) -> Result<Vec<usize>, ModelError> {
        let sizes = self.tuples[tuple].iter().map(|v| match v {
            Value::Int(n) => usize::try_from(*n).map_err(|_| damaged()),
            _ => Err(damaged()),
        });
        sizes.collect()
    }

    fn set_items(&mut self, items: &[Value<'a>]) -> Result<(), ModelError> {
        let Some(&Value::Dict(dict)) = self.stack.last() else { return Err(damaged()) };
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(damaged());
        }
        self.dicts[dict].extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn tuple(&mut self, items: Vec<Value<'a>>) -> Value<'a> {
        self.tuples.push(items);
        Value::Tuple(self.tuples.len() - 1)
    }

    fn dict(&mut self) -> Value<'a> {
        self.dicts.push(Vec::new());
        Value::Dict(self.dicts.len() - 1)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>, ModelError> {
        let mark = self.stack.iter().rposition(|v| matches!(v, Value::Mark)).ok_or_else(damaged)?;
        let items = self.stack.split_off(mark + 1);
        self.stack.truncate(mark);
        Ok(items)
    }

    fn pop(&mut self) -> Result<Value<'a>, ModelError> {
        self.stack.pop().ok_or_else(damaged)
    }

    /// Python numbers its memo without gaps, so a slot far ahead is damage and not a huge list.
    fn remember(&mut self, slot: usize) -> Result<(), ModelError> {
        let value = *self.stack.last().ok_or_else(damaged)?;
        if slot > self.memo.len() {
            return Err(damaged());
        }
        if slot == self.memo.len() {
            self.memo.push(None);
        }
        self.memo[slot] = Some(value);
        Ok(())
    }

    fn recall(&self, slot: usize) -> Result<Value<'a>, ModelError> {
        self.memo.get(slot).copied().flatten().ok_or_else(damaged)
    }

    fn long(&mut self) -> Result<Value<'a>, ModelError> {
        let len = usize::from(self.byte()?);
        let bytes = self.take(len)?;
        if len > 8 {
            return Err(damaged());
        }
        let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..len].copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(wide)))
    }

    fn byte(&mut self) -> Result<u8, ModelError> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| damaged())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ModelError> {
        let end = self.at.checked_add(len).ok_or_else(damaged)?;
        let bytes = self.bytes.get(self.at..end).ok_or_else(damaged)?;
        self.at = end;
        Ok(bytes)
    }

    fn text(&mut self, len: usize) -> Result<&'a str, ModelError> {
        std::str::from_utf8(self.take(len)?).map_err(|_| damaged())
    }

    fn line(&mut self) -> Result<&'a str, ModelError> {
        let rest = self.bytes.get(self.at..).ok_or_else(damaged)?;
        let len = rest.iter().position(|&b| b == b'\n').ok_or_else(damaged)?;
        let line = self.text(len)?;
        self.at += 1;
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::read_state_dict;

    /// CPython 3.11's pickler (protocol 2) over an `OrderedDict` of two tensors with a `_metadata`
    /// attribute, as `torch.save(module.state_dict())` hands it one.
    const ORDERED: &[u8] = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(X\x0b\x00\x00\x00head.weightq\x02\
        ctorch._utils\n_rebuild_tensor_v2\nq\x03((X\x07\x00\x00\x00storageq\x04ctorch\nFloatStorage\nq\x05\
        X\x01\x00\x00\x000q\x06X\x03\x00\x00\x00cpuq\x07Jp\x11\x01\x00tq\x08QK\x03K\x01K\x02\x86q\tK\x02K\x01\
        \x86q\n\x89h\x00)Rq\x0btq\x0cRq\rX\t\x00\x00\x00head.biasq\x0eh\x03((h\x04h\x05X\x01\x00\x00\x001q\x0f\
        h\x07K\x01tq\x10QJp\x11\x01\x00K\x01\x85q\x11h\x11\x89h\x00)Rq\x12tq\x13Rq\x14u}q\x15X\t\x00\x00\x00\
        _metadataq\x16h\x00)Rq\x17(X\x00\x00\x00\x00q\x18}q\x19X\x07\x00\x00\x00versionq\x1aK\x01sX\x04\x00\
        \x00\x00lstmq\x1b}q\x1ch\x1aK\x01susb.";

    #[test]
    fn reads_what_pytorch_writes_for_a_module() {
        let tensors = read_state_dict(ORDERED).expect("a plain state_dict");
        let told: Vec<_> =
            tensors.iter().map(|t| (t.name, t.storage, t.offset, &t.shape[..], &t.strides[..])).collect();
        let weight = ("head.weight", "0", 3, &[1, 2][..], &[2, 1][..]);
        let bias = ("head.bias", "1", 70_000, &[1][..], &[1][..]);
        assert_eq!(told, [weight, bias]);
        assert!(tensors.iter().all(|t| t.storage_type == "FloatStorage"));
    }

    #[test]
    fn damage_is_an_error_wherever_it_is() {
        for cut in 0..ORDERED.len() {
            assert!(read_state_dict(&ORDERED[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..ORDERED.len() {
            for bit in 0..8 {
                let mut bytes = ORDERED.to_vec();
                bytes[at] ^= 1 << bit;
                // Many of them still say something sensible; none may panic.
                let _ = read_state_dict(&bytes);
            }
        }
    }
}
