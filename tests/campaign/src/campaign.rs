//! Eras until there are as many kills as were asked for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pacelake_e2e::Random;
use sha2::{Digest, Sha256};

use crate::era::{self, Plan};
use crate::interrupt;
use crate::journal::{Era, Journal};
use crate::place::Pair;
use crate::site::Servers;

/// What a campaign is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it keeps its journal, and the lakes of its eras.
    pub folder: PathBuf,
    /// How many kills its proven eras are to add up to.
    pub kills: usize,
    /// What its chances are drawn from; each era has a seed of its own.
    pub seed: u64,
    /// The binary to kill.
    pub binary: PathBuf,
    /// Which pairs take turns.
    pub pairs: Vec<Pair>,
    /// How many single recordings an era imports, beside the hard ones.
    pub ones: usize,
    /// How many sets of several.
    pub manys: usize,
    /// How many processes run at once.
    pub workers: usize,
}

/// Runs eras until the journal holds as many kills as were asked for, telling
/// each as it ends; a campaign that was cut off goes on.
///
/// # Errors
/// What does not hold, a folder that cannot be used, or an interrupt.
///
/// # Panics
/// Where SeaweedFS is needed and not installed.
pub fn run(options: &Options, mut tell: impl FnMut(&Era, usize)) -> Result<Vec<Era>, String> {
    let text = |error: io::Error| error.to_string();
    fs::create_dir_all(&options.folder).map_err(text)?;
    let journal = Journal::new(&options.folder);
    let binary = digest(&options.binary).map_err(text)?;
    let servers = Servers::start(&options.pairs)?;
    let mut eras = journal.eras().map_err(text)?;
    let mut kills: usize = eras.iter().map(|era| era.kills.len()).sum();
    while kills < options.kills {
        if interrupt::came() {
            return Err(interrupt::INTERRUPTED.to_owned());
        }
        let number = eras.last().map_or(1, |era| era.era + 1);
        // The same era of the same campaign has the same chances, however
        // often it was cut off.
        let mut random = Random::new(options.seed.wrapping_add(u64::from(number) << 32));
        let folder = options.folder.join(format!("era-{number}"));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(text)?;
        }
        fs::create_dir_all(&folder).map_err(text)?;
        let plan = Plan {
            era: number,
            seed: random.below(1 << 52) as u64,
            pair: options.pairs[(number as usize - 1) % options.pairs.len()],
            ones: options.ones,
            manys: options.manys,
            workers: options.workers,
            binary: (options.binary.clone(), binary.clone()),
            folder: folder.clone(),
        };
        let era = match era::run(&plan, &servers) {
            Ok(era) => era,
            Err(failure) => {
                if interrupt::came() {
                    fs::remove_dir_all(&folder).map_err(text)?;
                }
                return Err(failure);
            }
        };
        journal.add(&era).map_err(text)?;
        fs::remove_dir_all(&folder).map_err(text)?;
        kills += era.kills.len();
        tell(&era, kills);
        eras.push(era);
    }
    Ok(eras)
}

/// The first digits of a file's SHA-256.
fn digest(path: &Path) -> io::Result<String> {
    let hash = Sha256::digest(fs::read(path)?);
    Ok(hash
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
