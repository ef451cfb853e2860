//! `pacelake generate`: recordings of athletes who never were.

use std::process::ExitCode;

use generator::{Format, Plan};
use jobs::progress::Progress;

use super::{Ending, boxed};
use crate::args::{Generate, Packing};
use crate::output::Talk;

/// Writes them below the folder.
pub fn run(args: &Generate) -> Ending {
    let plan = Plan {
        activities: args.activities,
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
