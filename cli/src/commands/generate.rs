//! `pacelake generate`: recordings of athletes who never were.

use std::process::ExitCode;

use generator::{Format, Layout, Plan, World};
use jobs::progress::Progress;

use super::{Ending, boxed};
use crate::args::{self, Generate, Packing};
use crate::output::Talk;

/// How many are made where nothing says how many.
const USUAL: u64 = 1_000;

/// Writes them below the folder: plain ones, or years of training.
pub fn run(args: &Generate) -> Ending {
    match (args.years, args.format) {
        (None, None) => plain(args),
        (_, _) => training(args),
    }
}

fn plain(args: &Generate) -> Ending {
    let plan = Plan {
        activities: args.activities.unwrap_or(USUAL),
        seed: args.seed,
        athletes: args.athletes,
        minutes: args.minutes,
        format: match args.packing {
            Packing::Gz => Format::FitGz,
            Packing::None => Format::Fit,
        },
    };
    let talk = Talk::default();
    talk.begin("generate", plan.activities);
    let made = generator::generate(&plan, &args.to, &|| talk.advance(1));
    talk.end();
    made.map_err(boxed)?;
    eprintln!("{} recordings below {}", plan.activities, args.to.display());
    Ok(ExitCode::SUCCESS)
}

fn training(args: &Generate) -> Ending {
    let usual = args.years.is_none().then_some(USUAL);
    let world = World {
        seed: args.seed,
        athletes: args.athletes,
        activities: args.activities.or(usual),
        years: args.years,
        layout: match args.format {
            None | Some(args::Layout::Files) => Layout::Files,
            Some(args::Layout::Archive) => Layout::Archive,
        },
        packed: args.packing == Packing::Gz,
    };
    world.check().map_err(boxed)?;
    let talk = Talk::default();
    talk.begin("generate", world.outings().count() as u64);
    let written = generator::write(&world, &args.to, &|| talk.advance(1));
    talk.end();
    let written = written.map_err(boxed)?;
    eprintln!(
        "{} activities, {} recordings and truth.jsonl below {}",
        written.activities,
        written.recordings,
        args.to.display()
    );
    Ok(ExitCode::SUCCESS)
}
