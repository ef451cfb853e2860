//! What happens on a day, and when: drawn by chance, before it begins.

use std::time::Duration;

use jiff::Timestamp;
use pacelake_e2e::Random;
use pacelake_strava_sim::{EventFaultKind, FaultKind, Lag};

/// Something that happens, to the person or process of this number.
#[derive(Clone, Copy, Debug)]
pub enum Incident {
    /// An activity is uploaded, an old one where it is late.
    Upload {
        who: usize,
        is_late: bool,
        lag: Option<Lag>,
    },
    /// An activity is typed in.
    TypeIn { who: usize },
    /// An activity is renamed.
    Rename { who: usize },
    /// It gets another sport.
    ChangeSport { who: usize },
    /// It becomes private, or public again.
    ChangePrivacy { who: usize },
    /// Its ends are cut off, which sends no event.
    Crop { who: usize },
    /// It is deleted.
    Delete { who: usize },
    /// The next request of the API goes wrong.
    Fault(FaultKind),
    /// The next request for samples is never answered.
    NeverAnswer,
    /// The next request for tokens goes wrong before it did anything.
    TokenFault(FaultKind),
    /// The answer to a refresh is lost, with the only token that still works.
    LoseToken { who: usize },
    /// Somebody's access token ends before its time.
    EndToken { who: usize },
    /// The next event goes wrong.
    EventFault(EventFaultKind),
    /// Strava's clock is ahead by so many seconds from now on.
    Skew(i64),
    /// Strava does not serve the app any more, or does again.
    Inactive(bool),
    /// A process is killed and started again.
    Kill { process: usize },
    /// Somebody withdraws access at Strava.
    Deauthorise { who: usize },
    /// They allow it again.
    Connect { who: usize },
    /// Somebody disconnects here, and the server is killed while they do.
    Leave { who: usize },
    /// It is looked whether all connections are as they should be.
    Look,
}

/// A day of incidents, in order.
pub struct Plan(pub Vec<(Timestamp, Incident)>);

/// Every way in which a request of the API goes wrong, and how often.
const FAULTS: &[(FaultKind, usize)] = &[
    (FaultKind::RateLimited, 2),
    (FaultKind::ServerError, 4),
    (FaultKind::BadGateway, 2),
    (FaultKind::Unavailable, 3),
    (FaultKind::Timeout { seconds: 0.4 }, 2),
    (FaultKind::Reset, 3),
    (FaultKind::CutOff, 3),
    (FaultKind::TruncatedJson, 3),
    (FaultKind::MalformedJson, 3),
    (FaultKind::SlowBody { seconds: 0.5 }, 3),
];

/// The same of requests for tokens, but for what takes effect before the answer
/// is lost: that is an incident of its own.
const TOKEN_FAULTS: &[(FaultKind, usize)] = &[
    (FaultKind::RateLimited, 1),
    (FaultKind::ServerError, 2),
    (FaultKind::Unavailable, 1),
    (FaultKind::Timeout { seconds: 0.4 }, 1),
    (FaultKind::Reset, 2),
    (FaultKind::SlowBody { seconds: 0.3 }, 2),
];

const EVENT_FAULTS: &[(EventFaultKind, usize)] = &[
    (EventFaultKind::Duplicate { copies: 2 }, 4),
    (EventFaultKind::Delay { seconds: 3_000 }, 3),
    (EventFaultKind::Delay { seconds: 300 }, 2),
    (EventFaultKind::Reorder, 4),
    (EventFaultKind::Lose, 5),
];

impl Plan {
    /// A day of three people and three processes from `start` on, for so many
    /// hours. The second person withdraws access and comes back, the third one
    /// leaves.
    pub fn draw(random: &mut Random, start: Timestamp, hours: f64) -> Self {
        let at = |hour: f64| start + Duration::from_secs_f64(hour * 3_600.0);
        let mut day: Vec<(Timestamp, Incident)> = Vec::new();
        let mut some = |many: usize, make: &mut dyn FnMut(&mut Random) -> Incident| {
            for _ in 0..many {
                let hour = random.fraction() * hours;
                day.push((at(hour), make(random)));
            }
        };
        let who = |random: &mut Random| random.below(3);
        some(16, &mut |random| Incident::Upload {
            who: who(random),
            is_late: random.fraction() < 0.2,
            lag: match random.below(4) {
                0 => Some(Lag {
                    requests: 2,
                    ..Lag::default()
                }),
                1 => Some(Lag {
                    seconds: 200,
                    empty: true,
                    ..Lag::default()
                }),
                _ => None,
            },
        });
        some(2, &mut |random| Incident::TypeIn { who: who(random) });
        some(8, &mut |random| Incident::Rename { who: who(random) });
        some(5, &mut |random| Incident::ChangeSport { who: who(random) });
        some(8, &mut |random| Incident::ChangePrivacy {
            who: who(random),
        });
        some(5, &mut |random| Incident::Crop { who: who(random) });
        some(6, &mut |random| Incident::Delete { who: who(random) });
        some(2, &mut |random| Incident::EndToken { who: who(random) });
        for (kind, many) in FAULTS {
            some(*many, &mut |_| Incident::Fault(*kind));
        }
        for (kind, many) in TOKEN_FAULTS {
            some(*many, &mut |_| Incident::TokenFault(*kind));
        }
        for (kind, many) in EVENT_FAULTS {
            some(*many, &mut |_| Incident::EventFault(*kind));
        }
        some(8, &mut |random| Incident::Kill {
            process: random.below(3),
        });
        let fixed = [
            (0.05, Incident::NeverAnswer),
            (0.10, Incident::Inactive(true)),
            (0.14, Incident::Inactive(false)),
            (0.20, Incident::LoseToken { who: 0 }),
            (0.30, Incident::Deauthorise { who: 1 }),
            (0.32, Incident::Delete { who: 1 }),
            (0.45, Incident::Connect { who: 1 }),
            (0.50, Incident::Skew(75)),
            (0.60, Incident::Skew(-40)),
            (0.65, Incident::Skew(0)),
            (0.80, Incident::Leave { who: 2 }),
        ];
        day.extend(fixed.map(|(part, incident)| (at(part * hours), incident)));
        let looks = (1..).map(f64::from).take_while(|hour| *hour < hours);
        day.extend(looks.map(|hour| (at(hour), Incident::Look)));
        day.sort_by_key(|(at, _)| *at);
        Self(day)
    }
}
