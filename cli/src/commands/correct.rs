//! `pacelake mask`, `unmask`, `include`, `exclude`, `unmerge` and `remerge`.

use std::process::ExitCode;

use jobs::changes::Changes;
use jobs::correct::{Corrected, Regrouped, Wish, correct};
use serde::Serialize;
use storage::ActivityId;

use super::{Ending, Rim, boxed};
use crate::args::TalkFormat;
use crate::args::correct::{Exclude, Include, Mask, Remerge, Unmask, Unmerge};
use crate::output::{self, say};

/// Keeps a stretch of an activity, or all of it, out of records.
pub async fn mask(rim: &Rim, args: &Mask) -> Ending {
    let wish = Wish::Mask {
        from: args.from,
        to: args.to,
        reason: args.reason.clone(),
    };
    run(rim, args.id, &wish, args.format).await
}

/// Lifts masks.
pub async fn unmask(rim: &Rim, args: &Unmask) -> Ending {
    let wish = Wish::Unmask {
        correction_id: args.mask,
    };
    run(rim, args.id, &wish, args.format).await
}

/// Lets a refused effort count.
pub async fn include(rim: &Rim, args: &Include) -> Ending {
    let wish = Wish::Include {
        distance_m: args.distance,
        reason: args.reason.clone(),
    };
    run(rim, args.id, &wish, args.format).await
}

/// Lets it count no more.
pub async fn exclude(rim: &Rim, args: &Exclude) -> Ending {
    let wish = Wish::Exclude {
        distance_m: args.distance,
    };
    run(rim, args.id, &wish, args.format).await
}

async fn run(rim: &Rim, id: ActivityId, wish: &Wish, format: TalkFormat) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let athlete = context.athlete(rim.athlete).await.map_err(boxed)?;
    let corrected = correct(&context, &athlete, id, wish).await.map_err(boxed)?;
    let Corrected {
        activity_id,
        revision,
        sentence,
        corrections,
        rows,
    } = &corrected;
    let tell = || {
        say!("{sentence}\nactivity {activity_id}, revision {revision}");
        for said in corrections {
            say!("{:<12} {}: {}", said.kind, said.sentence, said.reason);
            say!("{:<12} {}", "", said.correction_id);
        }
        print(rows);
    };
    told(&corrected, format, tell)
}

/// Takes a recording out of an activity.
pub async fn unmerge(rim: &Rim, args: &Unmerge) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let athlete = context.athlete(rim.athlete).await.map_err(boxed)?;
    let recording = args.recording.as_deref();
    let regrouped = jobs::correct::unmerge(&context, &athlete, args.id, recording).await;
    regroup(&regrouped.map_err(boxed)?, args.format)
}

/// Lets identity decide again on a recording that was taken out.
pub async fn remerge(rim: &Rim, args: &Remerge) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let athlete = context.athlete(rim.athlete).await.map_err(boxed)?;
    let regrouped = jobs::correct::remerge(&context, &athlete, args.id).await;
    regroup(&regrouped.map_err(boxed)?, args.format)
}

fn regroup(regrouped: &Regrouped, format: TalkFormat) -> Ending {
    let tell = || {
        say!("{}", regrouped.sentence);
        print(&regrouped.rows);
    };
    told(regrouped, format, tell)
}

fn told(value: &impl Serialize, format: TalkFormat, tell: impl FnOnce()) -> Ending {
    match format {
        TalkFormat::Json => output::json(value),
        TalkFormat::Table => tell(),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(rows: &Changes) {
    if rows.is_empty() {
        say!("no row changed");
    }
    for (table, rows) in rows.by_table() {
        let counts = [
            (rows.changed, "changed"),
            (rows.added, "added"),
            (rows.removed, "removed"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(count, how)| format!("{count} {how}"))
            .collect();
        say!("{table:<18} {}", counts.join(", "));
    }
}
