//! Weights of no model: safetensors files whose bytes are spread as those of trained ones are.
//!
//! Real ones may not be shipped with the product, and zeros would compress to nothing. BF16 values drawn from
//! a normal distribution gzip to 0.79 of their size, as trained weights do: the exponents repeat, the
//! mantissas do not. (By zlib; what an engine's compressor makes of them is the engine's.)

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::scratch::Scratch;
use crate::cache::{Cache, put_in_place};
use crate::hex::hex;
use crate::stats;

/// Where weights are made and kept.
#[derive(Debug)]
pub struct Weights {
    room: PathBuf,
    /// Made when the first checkpoint is.
    scratch: Mutex<Option<Scratch>>,
}

/// A file of weights. A checkpoint's goes when the last who holds it lets go.
#[derive(Debug)]
pub struct WeightsFile {
    path: PathBuf,
    temporary: bool,
}

impl Weights {
    /// Those in the cache.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn open(cache: &Cache) -> Result<Self> {
        Ok(Self { room: cache.room("weights")?, scratch: Mutex::default() })
    }

    /// The weights at `path` of a context before anybody edits them: the same in every run, made once.
    ///
    /// # Errors
    /// If the disk is full, or `bytes` are too few for any weights.
    pub fn first(&self, path: &str, bytes: u64) -> Result<Arc<WeightsFile>> {
        let seed = Sha256::digest(format!("{METHOD}:{path}:{bytes}"));
        let file = self.room.join(format!("{}.safetensors", hex(&seed[..8])));
        // One of another length was cut short, as by a machine that went down.
        let whole = fs::metadata(&file).is_ok_and(|found| found.len() == bytes);
        if !whole {
            // Beside, then renamed: what is there is whole.
            let made = tempfile::Builder::new().prefix("unfinished-").tempfile_in(&self.room)?;
            write(made.as_file(), bytes, word(&seed))?;
            put_in_place(made.path(), &file).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(Arc::new(WeightsFile { path: file, temporary: false }))
    }

    /// A new checkpoint of the weights at `path`: the same for the same seed.
    ///
    /// # Errors
    /// As [`first`](Self::first).
    pub fn checkpoint(&self, path: &str, bytes: u64, seed: &str) -> Result<Arc<WeightsFile>> {
        let seed = Sha256::digest(format!("{METHOD}:{path}:{bytes}:{seed}"));
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = match &mut *scratch {
            Some(scratch) => scratch,
            none => none.insert(Scratch::make(&self.room)?),
        };
        let made = tempfile::Builder::new().suffix(".safetensors").tempfile_in(scratch.path())?;
        write(made.as_file(), bytes, word(&seed))?;
        let (_, path) = made.keep()?;
        Ok(Arc::new(WeightsFile { path, temporary: true }))
    }
}

impl WeightsFile {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WeightsFile {
    fn drop(&mut self) {
        if self.temporary {
            // What is not removed goes with the run's directory.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Raised when the same seed gives other bytes.
const METHOD: u32 = 1;

/// Values in a row of a tensor.
const WIDTH: u64 = 1024;

/// Rows of a tensor at most: 64 MiB, as a large layer of a real model.
const ROWS: u64 = 32 * 1024;

/// Bytes of a value.
const VALUE: u64 = 2;

/// The standard deviation of the values, as in models after training.
const SPREAD: f64 = 0.02;

fn word(seed: &[u8]) -> u64 {
    seed.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Writes a whole file of exactly `bytes`: the length of the header, the header (JSON, filled up with blanks),
/// the tensors.
fn write(file: &File, bytes: u64, seed: u64) -> Result<()> {
    let row = WIDTH * VALUE;
    // A tensor takes some 120 bytes of header.
    let header_at_least = 1024 + 128 * (bytes / (ROWS * row) + 1);
    let rows = bytes.saturating_sub(8 + header_at_least) / row;
    ensure!(rows > 0, "{bytes} bytes are too few for weights");
    let header = header(rows)?;
    let header_bytes = bytes - 8 - rows * row;
    let blanks =
        usize::try_from(header_bytes)?.checked_sub(header.len()).context("the header is too long")?;

    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(&header_bytes.to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    out.write_all(&vec![b' '; blanks])?;
    let table = table();
    let mut random = SplitMix(seed);
    let mut line = vec![0; usize::try_from(row)?];
    for _ in 0..rows {
        for eight in line.chunks_exact_mut(8) {
            let word = random.next();
            for (place, two) in eight.chunks_exact_mut(2).enumerate() {
                let index = (word >> (16 * place)) as u16;
                two.copy_from_slice(&table[usize::from(index)]);
            }
        }
        out.write_all(&line)?;
    }
    out.flush().context("cannot write weights")?;
    // Whoever a service runs as reads them where they are mounted.
    Ok(file.set_permissions(fs::Permissions::from_mode(0o644))?)
}

fn header(rows: u64) -> Result<String> {
    let mut tensors = Map::new();
    tensors.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let mut first = 0;
    while first < rows {
        let count = ROWS.min(rows - first);
        let offsets = [first, first + count].map(|row| row * WIDTH * VALUE);
        let tensor = json!({ "dtype": "BF16", "shape": [count, WIDTH], "data_offsets": offsets });
        tensors.insert(format!("model.layers.{}.weight", first / ROWS), tensor);
        first += count;
    }
    Ok(serde_json::to_string(&Value::Object(tensors))?)
}

/// The BF16 value at each 65536th of the normal distribution: a random index draws from it.
fn table() -> Vec<[u8; 2]> {
    // Between the points of a coarser grid it is as good as straight; the tails end at the outermost values.
    const GRID: usize = 2048;
    const STEP: usize = 65_536 / GRID;
    let end = |place: usize| (place as f64 / GRID as f64).clamp(1e-5, 1.0 - 1e-5);
    let points: Vec<f64> = (0..=GRID).map(|place| SPREAD * stats::normal_quantile(end(place))).collect();
    (0..65_536)
        .map(|index| {
            let share = ((index % STEP) as f64 + 0.5) / STEP as f64;
            let (low, high) = (points[index / STEP], points[index / STEP + 1]);
            bf16((low + (high - low) * share) as f32).to_le_bytes()
        })
        .collect()
}

/// The upper half of a float, rounded to nearest.
fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

/// Vigna's SplitMix64. The generators of `rand` may give other numbers in their next version; a seed here must
/// give the same file for as long as a run may be resumed or compared.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn weights() -> (tempfile::TempDir, Weights) {
        let dir = tempfile::tempdir().unwrap();
        let weights = Weights::open(&Cache::at(dir.path()).unwrap()).unwrap();
        (dir, weights)
    }

    #[test]
    fn a_file_is_valid_safetensors_of_the_size_asked_for() {
        let (_dir, weights) = weights();
        for bytes in [65_536, 1_000_003, 2 * ROWS * WIDTH * VALUE + 77] {
            let file = weights.first("m", bytes).unwrap();
            let data = fs::read(file.path()).unwrap();
            assert_eq!(data.len() as u64, bytes);
            let header = usize::try_from(u64::from_le_bytes(data[..8].try_into().unwrap())).unwrap();
            let tensors: Map<String, Value> = serde_json::from_slice(&data[8..8 + header]).unwrap();
            let mut spans: Vec<(u64, u64)> = Vec::new();
            for tensor in tensors.values().filter(|tensor| tensor.get("shape").is_some()) {
                let span = |place: usize| tensor["data_offsets"][place].as_u64().unwrap();
                let values = tensor["shape"][0].as_u64().unwrap() * tensor["shape"][1].as_u64().unwrap();
                assert_eq!((span(1) - span(0), &tensor["dtype"]), (2 * values, &json!("BF16")));
                spans.push((span(0), span(1)));
            }
            spans.sort_unstable();
            assert!(spans.windows(2).all(|pair| pair[0].1 == pair[1].0), "no gap: {spans:?}");
            assert_eq!((spans[0].0, spans.last().unwrap().1), (0, bytes - 8 - header as u64));
        }
        assert!(weights.first("m", 1000).is_err());
    }

    #[test]
    fn values_are_spread_and_compress_as_trained_ones_do() {
        let (_dir, weights) = weights();
        let data = fs::read(weights.first("m", 4 << 20).unwrap().path()).unwrap();
        let (two, _) = data[data.len() - (2 << 20)..].as_chunks::<2>();
        let values: Vec<f64> = two
            .iter()
            .map(|two| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(*two)) << 16)))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 1e-4 && (variance.sqrt() - SPREAD).abs() < 1e-4, "{mean} {variance}");

        let mut gzip = flate2::read::GzEncoder::new(data.as_slice(), flate2::Compression::default());
        let compressed = gzip.read_to_end(&mut Vec::new()).unwrap() as f64 / data.len() as f64;
        assert!((0.77..0.81).contains(&compressed), "{compressed}");
    }

    #[test]
    fn a_file_that_was_cut_short_is_made_anew() {
        let (_dir, weights) = weights();
        let first = weights.first("m", 100_000).unwrap();
        let whole = fs::read(first.path()).unwrap();
        for bytes in [0, 99_999] {
            File::options().write(true).open(first.path()).unwrap().set_len(bytes).unwrap();
            assert!(fs::read(weights.first("m", 100_000).unwrap().path()).unwrap() == whole, "{bytes}");
        }
    }

    #[test]
    fn a_seed_gives_one_file_and_a_checkpoint_goes_with_its_holder() {
        let (_dir, weights) = weights();
        let read = |file: &WeightsFile| fs::read(file.path()).unwrap();
        let first = weights.first("m", 100_000).unwrap();
        let [a, again, b] = ["a", "a", "b"].map(|seed| weights.checkpoint("m", 100_000, seed).unwrap());
        assert!(read(&a) == read(&again) && read(&a) != read(&b) && read(&a) != read(&first));
        assert_ne!(read(&first), read(&weights.first("n", 100_000).unwrap()));
        let (path, kept) = (a.path().to_owned(), first.path().to_owned());
        drop((a, first));
        assert!(!path.exists() && kept.exists());
    }
}
