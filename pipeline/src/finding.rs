//! What was odd in a recording, where, how large, and what was done.

/// One line of the quality ledger, before it has an activity.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was odd.
    pub kind: FindingKind,
    /// First and last sample concerned, from 0, in clean order; `None`: the
    /// whole activity.
    pub samples: Option<(usize, usize)>,
    /// How large, in [`FindingKind::size_unit`].
    pub size: Option<f64>,
    /// What was done about it, for people.
    pub action: String,
}

impl Finding {
    /// Adds it to `findings`, as part of the last one where both are of one
    /// kind and their samples follow each other; `size` joins the sizes.
    ///
    /// Findings of samples (a spike) follow at the next sample, those of steps
    /// (a jump, which has two samples) where they share one.
    pub(crate) fn join_to(self, findings: &mut Vec<Finding>, size: impl Fn(f64, f64) -> f64) {
        let reach = match self.kind {
            FindingKind::Jump | FindingKind::Gap | FindingKind::ClockJump => 0,
            FindingKind::Spike
            | FindingKind::DoubledTime
            | FindingKind::FallingDistance
            | FindingKind::TotalDiffers
            | FindingKind::NoPositions
            | FindingKind::CutOff
            | FindingKind::CroppedAtStrava => 1,
        };
        if let Some(last) = findings.last_mut()
            && last.kind == self.kind
            && let (Some(before), Some(here)) = (last.samples, self.samples)
            && here.0 <= before.1 + reach
        {
            last.samples = Some((before.0, before.1.max(here.1)));
            last.size = last.size.zip(self.size).map(|(a, b)| size(a, b));
            return;
        }
        findings.push(self);
    }
}

/// The declared kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// A dropped position.
    Spike,
    /// A step that is too fast to be true; kept and marked.
    Jump,
    /// Samples of equal time, joined to one.
    DoubledTime,
    /// A cumulative distance that fell.
    FallingDistance,
    /// Over 30 s between samples without a marked pause.
    Gap,
    /// A step over 6 h, or back by over 1 s.
    ClockJump,
    /// Our distance and the source's differ by over 2 %.
    TotalDiffers,
    /// No position at all.
    NoPositions,
    /// The end of the file is missing.
    CutOff,
    /// Strava shows a crop of this recording.
    CroppedAtStrava,
}

impl FindingKind {
    /// As the column `kind` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Jump => "jump",
            Self::DoubledTime => "doubled_time",
            Self::FallingDistance => "falling_distance",
            Self::Gap => "gap",
            Self::ClockJump => "clock_jump",
            Self::TotalDiffers => "total_differs",
            Self::NoPositions => "no_positions",
            Self::CutOff => "cut_off",
            Self::CroppedAtStrava => "cropped_at_strava",
        }
    }

    /// What `size` counts.
    pub fn size_unit(self) -> &'static str {
        match self {
            Self::Spike | Self::Jump => "m/s",
            Self::DoubledTime => "samples joined",
            Self::FallingDistance | Self::TotalDiffers => "m",
            Self::Gap | Self::ClockJump | Self::CroppedAtStrava => "s",
            Self::NoPositions => "",
            Self::CutOff => "bytes not read",
        }
    }
}
