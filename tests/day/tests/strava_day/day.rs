//! The day itself: what is planned happens to the simulator and to processes.

use std::time::Duration;

use jiff::Timestamp;
use pacelake_e2e::Random;
use pacelake_strava_sim::{
    Crop, Details, Edit, EventFaultRule, FaultKind, FaultRule, Generated, Lag, Manual, Visibility,
};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use storage::catalog::ConnectionStatus;

use crate::plan::Incident;
use crate::world::World;

/// Where the server stands among the processes.
const SERVER: usize = 0;
/// Who starts so close after another activity may be the same outing.
const APART: Duration = Duration::from_secs(8 * 60);
/// What people call their sports.
const SPORTS: &[&str] = &["Run", "TrailRun", "Walk", "Hike", "Ride", "GravelRide"];

/// A day that is under way.
pub struct Day {
    pub world: World,
    random: Random,
    /// When each person's activities begin.
    starts: Vec<Vec<Timestamp>>,
    /// Who withdrew access, and was not back since.
    withdrawn: Vec<usize>,
    /// Who left for good.
    pub left: Vec<usize>,
    /// How many recordings were made.
    made: u64,
    pub kills: usize,
}

impl Day {
    pub fn begin(world: World, random: Random) -> Self {
        Self {
            starts: vec![Vec::new(); world.people.len()],
            world,
            random,
            withdrawn: Vec::new(),
            left: Vec::new(),
            made: 0,
            kills: 0,
        }
    }

    /// A history of somebody, without events.
    pub fn add_history(&mut self, who: usize, activities: u32) {
        for number in 0..activities {
            let ago = Duration::from_secs(3_600 * (5 + 9 * u64::from(number)));
            let start = self.world.control.now() - ago;
            self.upload(who, start, None, true);
        }
    }

    /// Something happens.
    pub async fn happens(&mut self, incident: Incident) {
        let control = self.world.control.clone();
        match incident {
            Incident::Upload { who, is_late, lag } => {
                let ago_s = match is_late {
                    true => 40 * 86_400 + self.random.below(86_400),
                    false => 3_600 + self.random.below(3_600),
                };
                let start = control.now() - Duration::from_secs(ago_s as u64);
                self.upload(who, start, lag, false);
            }
            Incident::TypeIn { who } => self.type_in(who),
            Incident::Rename { who } => {
                let name = format!("Outing {}", self.random.below(1_000_000));
                self.edit(who, |_, _| Edit {
                    name: Some(name),
                    ..Edit::default()
                });
            }
            Incident::ChangeSport { who } => self.edit(who, |random, _| Edit {
                sport_type: Some(SPORTS[random.below(SPORTS.len())].to_owned()),
                ..Edit::default()
            }),
            Incident::ChangePrivacy { who } => self.edit(who, |_, activity| Edit {
                visibility: Some(match activity["visibility"] == "only_me" {
                    true => Visibility::Everyone,
                    false => Visibility::OnlyMe,
                }),
                ..Edit::default()
            }),
            Incident::Crop { who } => self.edit(who, |random, activity| Edit {
                crop: Some(Crop {
                    from_s: random.below(60) as i64,
                    to_s: activity["elapsed_time"].as_i64().unwrap() - 61,
                }),
                ..Edit::default()
            }),
            Incident::Delete { who } => {
                if let Some((id, _)) = self.one_of(who, |_| true) {
                    control.delete(id).unwrap();
                }
            }
            Incident::Fault(kind) => control.fault(FaultRule::new("/api/v3/*", kind).times(1)),
            Incident::NeverAnswer => {
                let never = FaultKind::Timeout { seconds: 3_600.0 };
                control.fault(FaultRule::new("*/streams", never).times(1));
            }
            Incident::TokenFault(kind) => {
                control.fault(FaultRule::new("/oauth/token", kind).times(1));
            }
            Incident::LoseToken { who } => self.lose_token(who).await,
            Incident::EndToken { who } => {
                control.expire_access(self.world.people[who].strava_id);
            }
            Incident::EventFault(kind) => control.event_fault(EventFaultRule::new(kind).times(1)),
            Incident::Skew(seconds) => control.switch(|switches| switches.skew_s = seconds),
            Incident::Inactive(is) => control.switch(|switches| switches.inactive = is),
            Incident::Kill { process } => {
                self.kill(process).await;
                self.world.processes[process].restart();
            }
            Incident::Deauthorise { who } => {
                self.withdrawn.push(who);
                control.deauthorise(self.world.people[who].strava_id);
            }
            Incident::Connect { who } => {
                self.world.connect(who).await;
                self.withdrawn.retain(|one| *one != who);
            }
            Incident::Leave { who } => self.leave(who).await,
            Incident::Look => self.look().await,
        }
    }

    fn upload(&mut self, who: usize, start: Timestamp, lag: Option<Lag>, is_silent: bool) {
        self.made += 1;
        let sport = self.random.below(SPORTS.len() + 1);
        let details = Details {
            start: Some(self.free(who, start)),
            sport_type: SPORTS.get(sport).map(|sport| (*sport).to_owned()),
            visibility: match self.random.below(5) {
                0 => Visibility::OnlyMe,
                1 => Visibility::FollowersOnly,
                _ => Visibility::Everyone,
            },
            streams_lag: lag,
            silent: is_silent,
            ..Details::default()
        };
        let generated = Generated {
            seed: 11,
            number: self.made,
            minutes: 9 + self.random.below(10) as u32,
        };
        let strava_id = self.world.people[who].strava_id;
        let control = &self.world.control;
        control
            .add_generated(strava_id, generated, &details)
            .unwrap();
    }

    fn type_in(&mut self, who: usize) {
        let start = self.world.control.now() - Duration::from_secs(7_200);
        let manual = Manual {
            start: Some(self.free(who, start)),
            distance_m: 4_000.0 + self.random.below(4_000) as f64,
            elapsed_s: 1_800,
            details: Details::default(),
        };
        let strava_id = self.world.people[who].strava_id;
        self.world.control.add_manual(strava_id, manual).unwrap();
    }

    /// A start near this one at which nothing else of theirs begins.
    fn free(&mut self, who: usize, mut start: Timestamp) -> Timestamp {
        let starts = &mut self.starts[who];
        while starts
            .iter()
            .any(|one| one.duration_since(start).unsigned_abs() < APART)
        {
            start -= APART;
        }
        starts.push(start);
        start
    }

    /// One of somebody's activities, by chance.
    fn one_of(&mut self, who: usize, is_fit: impl Fn(&Value) -> bool) -> Option<(i64, Value)> {
        let control = &self.world.control;
        let all = control.activities(self.world.people[who].strava_id);
        let all = all
            .into_iter()
            .map(|id| (id, control.activity(id).unwrap()));
        let mut fit: Vec<(i64, Value)> = all.filter(|(_, one)| is_fit(one)).collect();
        match fit.len() {
            0 => None,
            many => Some(fit.swap_remove(self.random.below(many))),
        }
    }

    fn edit(&mut self, who: usize, edit: impl FnOnce(&mut Random, &Value) -> Edit) {
        let long = |one: &Value| one["manual"] == false && one["elapsed_time"].as_i64() > Some(300);
        if let Some((id, activity)) = self.one_of(who, long) {
            let edit = edit(&mut self.random, &activity);
            self.world.control.edit(id, edit).unwrap();
        }
    }

    /// A process is killed at any moment but one: between Strava's answer to a
    /// refresh and its being written a token would be lost, and nobody can do
    /// anything about that ([`Self::lose_token`] is that case).
    async fn kill(&mut self, process: usize) {
        let hold = FaultRule::new("/oauth/token", FaultKind::Unavailable);
        let control = self.world.control.clone();
        let mut rules = control.swap_faults(vec![hold.clone()]);
        rules.insert(0, hold.clone());
        control.swap_faults(rules);
        self.world
            .until("refreshed tokens are written", async || {
                for who in 0..self.world.people.len() {
                    if self.world.connection(who).await == Some(ConnectionStatus::Connected)
                        && self.world.lost_tokens(who).await > 0
                    {
                        return false;
                    }
                }
                true
            })
            .await;
        self.world.processes[process].kill();
        self.kills += 1;
        let mut rules = control.swap_faults(Vec::new());
        rules.retain(|rule| *rule != hold);
        control.swap_faults(rules);
    }

    /// Strava refreshes a token, and nobody gets the answer: the connection
    /// says that it needs its athlete, and works once they came.
    async fn lose_token(&mut self, who: usize) {
        let control = self.world.control.clone();
        let lose = FaultRule::new("/oauth/token", FaultKind::Reset).times(1);
        let mut rules = control.swap_faults(Vec::new());
        rules.insert(0, lose.taking_effect());
        control.swap_faults(rules);
        control.expire_access(self.world.people[who].strava_id);
        let degraded = async || {
            for who in 0..self.world.people.len() {
                let connection = self.world.connection(who).await;
                if !self.withdrawn.contains(&who) && connection == Some(ConnectionStatus::Degraded)
                {
                    return Some(who);
                }
            }
            None
        };
        // Whoever refreshes next, most likely who was meant.
        self.world
            .until("a connection that lost its token", async || {
                degraded().await.is_some()
            })
            .await;
        let whose = degraded().await.unwrap();
        assert_eq!(self.world.lost_tokens(whose).await, 1);
        self.world.connect(whose).await;
    }

    /// Somebody disconnects, the server is killed before it answers, and they
    /// ask again.
    async fn leave(&mut self, who: usize) {
        const PATH: &str = "/api/strava/disconnect";
        self.left.push(who);
        let wait = Duration::from_millis(self.random.below(250) as u64);
        {
            let asked = self.world.ask(who, Method::DELETE, PATH);
            // It is not waited for: whoever is killed does not answer.
            let _ = tokio::time::timeout(wait, asked).await;
        }
        self.kill(SERVER).await;
        self.world.processes[SERVER].restart();
        self.world
            .until("somebody left", async || {
                let answer = self.world.ask(who, Method::DELETE, PATH).await;
                let status = answer.map(|answer| answer.status());
                matches!(status, Ok(StatusCode::OK | StatusCode::CONFLICT))
            })
            .await;
    }

    /// Nobody is degraded who did not withdraw access.
    async fn look(&self) {
        for (who, person) in self.world.people.iter().enumerate() {
            let connection = self.world.connection(who).await;
            let expected = !self.withdrawn.contains(&who) && !self.left.contains(&who);
            assert!(
                !expected || connection == Some(ConnectionStatus::Connected),
                "{}: {connection:?}",
                person.name
            );
        }
    }
}
