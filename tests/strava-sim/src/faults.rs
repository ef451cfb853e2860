//! Faults on demand: which requests and events they meet, and how often.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// How a request goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// 429, though no limit was reached.
    RateLimited,
    /// 500 with a page of HTML.
    ServerError,
    /// 502 with a page of HTML.
    BadGateway,
    /// 503 with a page of HTML.
    Unavailable,
    /// 404 with an empty body, as it was recorded once; something between may say
    /// so, too.
    NotFound,
    /// No answer for so many seconds, by the machine's clock, and then the end of
    /// the connection.
    Timeout {
        /// How long.
        seconds: f64,
    },
    /// The connection is reset before an answer.
    Reset,
    /// The connection ends in the middle of the body.
    CutOff,
    /// A whole body, whose JSON breaks off in the middle.
    TruncatedJson,
    /// A whole body that is no JSON.
    MalformedJson,
    /// The body comes in ten pieces over so many seconds, by the machine's clock.
    SlowBody {
        /// How long.
        seconds: f64,
    },
}

/// Which requests meet a fault. Rules are asked in the order in which they were
/// given, and the first that applies decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRule {
    /// The whole path, where `*` stands for anything: `*/activities/*`.
    pub path: String,
    /// Only this method, such as `GET`.
    #[serde(default)]
    pub method: Option<String>,
    /// How often at most; none: for ever.
    #[serde(default)]
    pub count: Option<u32>,
    /// How likely, from 0 to 1; none: always.
    #[serde(default)]
    pub probability: Option<f64>,
    /// The request does what it asks for before its answer is lost. What spoils
    /// a body always takes effect.
    #[serde(default)]
    pub takes_effect: bool,
    /// How it goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
}

impl FaultRule {
    /// Every request whose path is like this, always.
    pub fn new(path: &str, kind: FaultKind) -> Self {
        Self {
            path: path.to_owned(),
            method: None,
            count: None,
            probability: None,
            takes_effect: false,
            kind,
        }
    }

    /// At most so often.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// This likely, from 0 to 1.
    #[must_use]
    pub fn likely(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    /// The request takes effect before its answer is lost.
    #[must_use]
    pub fn taking_effect(mut self) -> Self {
        self.takes_effect = true;
        self
    }
}

/// How an event goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventFaultKind {
    /// It is sent so many times more.
    Duplicate {
        /// How many times more.
        copies: u32,
    },
    /// It is sent so many seconds later, by the simulator's clock.
    Delay {
        /// How much later.
        seconds: i64,
    },
    /// It is held back until the next event was sent.
    Reorder,
    /// It is never sent.
    Lose,
}

/// Which events meet a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventFaultRule {
    /// Only `create`, `update` or `delete`.
    #[serde(default)]
    pub aspect_type: Option<String>,
    /// How often at most; none: for ever.
    #[serde(default)]
    pub count: Option<u32>,
    /// How likely, from 0 to 1; none: always.
    #[serde(default)]
    pub probability: Option<f64>,
    /// How it goes wrong.
    #[serde(flatten)]
    pub kind: EventFaultKind,
}

impl EventFaultRule {
    /// Every event, always.
    pub fn new(kind: EventFaultKind) -> Self {
        Self {
            aspect_type: None,
            count: None,
            probability: None,
            kind,
        }
    }

    /// At most so often.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// This likely, from 0 to 1.
    #[must_use]
    pub fn likely(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }
}

/// All rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) requests: Vec<FaultRule>,
    pub(crate) events: Vec<EventFaultRule>,
}

impl Faults {
    /// The fault that a request meets, and whether it takes effect.
    pub(crate) fn of_request(
        &mut self,
        random: &mut Random,
        method: &str,
        path: &str,
    ) -> Option<(FaultKind, bool)> {
        self.requests.iter_mut().find_map(|rule| {
            let method = rule.method.as_deref().is_none_or(|only| only == method);
            let meets = method
                && is_like(&rule.path, path)
                && strikes(random, &mut rule.count, rule.probability);
            meets.then_some((rule.kind, rule.takes_effect))
        })
    }

    /// The fault that an event meets.
    pub(crate) fn of_event(
        &mut self,
        random: &mut Random,
        aspect_type: &str,
    ) -> Option<EventFaultKind> {
        self.events.iter_mut().find_map(|rule| {
            let only = rule.aspect_type.as_deref();
            let meets = only.is_none_or(|only| only == aspect_type)
                && strikes(random, &mut rule.count, rule.probability);
            meets.then_some(rule.kind)
        })
    }
}

/// Whether a rule applies this time, which it takes note of.
fn strikes(random: &mut Random, count: &mut Option<u32>, probability: Option<f64>) -> bool {
    if *count == Some(0) || !probability.is_none_or(|likely| random.happens(likely)) {
        return false;
    }
    if let Some(left) = count {
        *left -= 1;
    }
    true
}

/// Whether a path is like a pattern in which `*` stands for anything.
fn is_like(pattern: &str, path: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_anything() {
        assert!(is_like("*/activities/*", "/api/v3/activities/7"));
        assert!(is_like(
            "*/activities/*/streams",
            "/api/v3/activities/7/streams"
        ));
        assert!(!is_like(
            "*/activities/*/streams",
            "/api/v3/activities/7/laps"
        ));
        assert!(is_like("/oauth/token", "/oauth/token"));
        assert!(!is_like("/oauth/token", "/oauth/tokens"));
        assert!(is_like("*", ""));
        assert!(!is_like("*a*a", "/a"));
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_says_and_the_next_follows() {
        let rule = FaultRule::new("*", FaultKind::Reset).times(1);
        let mut faults = Faults {
            requests: vec![rule, FaultRule::new("/a", FaultKind::ServerError)],
            ..Faults::default()
        };
        let mut random = Random::new(1);
        let mut of = |path| faults.of_request(&mut random, "GET", path);
        assert_eq!(of("/a"), Some((FaultKind::Reset, false)));
        assert_eq!(of("/a"), Some((FaultKind::ServerError, false)));
        assert_eq!(of("/b"), None);
    }

    #[test]
    fn rules_read_as_people_write_them() {
        let rule: FaultRule =
            serde_json::from_str(r#"{"path": "*", "kind": "slow_body", "seconds": 2}"#).unwrap();
        assert_eq!(rule.kind, FaultKind::SlowBody { seconds: 2.0 });
        let rule: EventFaultRule = serde_json::from_str(r#"{"kind": "lose", "count": 2}"#).unwrap();
        assert_eq!(rule, EventFaultRule::new(EventFaultKind::Lose).times(2));
    }
}
