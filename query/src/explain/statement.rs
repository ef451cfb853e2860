//! Plain SQL that gives one number: of a definition's SQL, what that number
//! needs, over the rows of one activity or one athlete.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::ControlFlow;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Ident, JoinOperator, ObjectName, Query, Select, SelectItem, SetExpr, TableFactor,
    Visit, VisitMut, VisitorMut, visit_expressions, visit_relations,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use storage::{ActivityId, AthleteId};

use super::address::Address;
use super::because::MAX_SPEED_S;
use crate::derived::Derived;
use crate::read::date;

/// Whose rows a number comes from, and what is known of them already.
#[derive(Clone, Debug)]
pub enum Of {
    /// One activity's.
    Activity(Known),
    /// One athlete's, on a day in days since 1970.
    Athlete(AthleteId, i32),
}

/// What an activity's SQL has as literals.
#[derive(Clone, Debug)]
pub struct Known {
    /// The activity.
    pub activity_id: ActivityId,
    /// First and last sample of each of its masks.
    pub masks: Vec<(usize, usize)>,
    /// Distances, in mm, of which what is barred is included.
    pub included_mm: Vec<i64>,
    /// Its rises and falls, as [`ways`](crate::derived::totals::climb::ways)
    /// gives them. They follow from one another sample by sample; no engine
    /// is quick at that in SQL.
    pub ways: Vec<(usize, i64, Option<usize>)>,
}

/// SQL with one row and one column, the number at `address`; its names are
/// unqualified, so that it runs in any engine that has the lake's tables.
pub fn statement(address: &Address, of: &Of) -> String {
    match address.derived() {
        Some(derived) => of_definition(derived, address, of),
        None => of_source(address),
    }
}

/// Of a number that is stored as its source gave it: the cell itself.
pub fn of_source(address: &Address) -> String {
    format!(
        "SELECT {}\nFROM {}\nWHERE {}",
        address.column.name,
        address.table.name,
        condition(address)
    )
}

/// The columns that a definition's SQL gives.
pub(super) fn columns(derived: &Derived) -> Vec<String> {
    let query = parsed(derived.sql);
    let select = query.body.as_select().expect("a definition selects");
    select.projection.iter().map(name_of).collect()
}

/// How far altitude goes back from a definition's turning points, in cm, as
/// its SQL says; `None` where it has none.
pub(super) fn hysteresis_cm(derived: &Derived) -> Option<i64> {
    let query = parsed(derived.sql);
    let steps = query.with?.cte_tables;
    let step = steps
        .into_iter()
        .find(|step| step.alias.name.value == "hysteresis")?;
    let SelectItem::ExprWithAlias { expr, .. } = step.query.body.as_select()?.projection.first()?
    else {
        return None;
    };
    expr.to_string().parse().ok()
}

fn of_definition(derived: &Derived, address: &Address, of: &Of) -> String {
    let mut query = parsed(derived.sql);
    let mut wanted: Vec<&str> = address.table.key.to_vec();
    wanted.push(address.column.name);
    // Another order of the same rows is the same rows.
    query.order_by = None;
    let SetExpr::Select(select) = &mut *query.body else {
        unreachable!("a definition selects")
    };
    select
        .projection
        .retain(|item| wanted.contains(&name_of(item).as_str()));
    drop_unread_joins(select);
    let condition_of = |alias: &str| match of {
        Of::Activity(known) => format!("{alias}.activity_id = {}", known.activity_id),
        Of::Athlete(id, _) => format!("{alias}.athlete_id = {id}"),
    };
    let tables = derived
        .inputs
        .iter()
        .filter_map(|input| input.split_once('.'));
    // SQL reads `streams` by the view over them.
    let mut tables: Vec<&str> = tables.map(|(table, _)| table).collect();
    tables.push("samples");
    let _ = VisitMut::visit(
        &mut query,
        &mut Narrow {
            tables,
            condition_of,
        },
    );
    let with = query.with.as_mut().expect("a definition has steps");
    match of {
        Of::Activity(known) => {
            for step in known.steps().into_iter().chain(only_of_key(address)) {
                let mut steps = with.cte_tables.iter_mut();
                let same = steps.find(|old| old.alias.name == step.alias.name);
                if let Some(old) = same {
                    *old = step;
                }
            }
        }
        Of::Athlete(id, day) => with.cte_tables.insert(0, as_of(*id, *day)),
    }
    keep_needed(&mut with.cte_tables, &query.body);
    let mut body = String::new();
    for line in format!("{:#}", query.body).lines() {
        let _ = write!(body, "\n  {line}");
    }
    let steps = query.with.as_ref().expect("a definition has steps");
    format!(
        "{steps:#}, explained AS ({body}\n)\nSELECT {}\nFROM explained\nWHERE {}",
        address.column.name,
        condition(address)
    )
}

/// Our own SQL; a test parses all of it.
fn parsed(sql: &str) -> Box<Query> {
    let parser = Parser::new(&GenericDialect {}).try_with_sql(sql);
    let query = parser.and_then(|mut parser| parser.parse_query());
    query.expect("a definition's SQL can be parsed")
}

fn expression(text: &str) -> Expr {
    let parser = Parser::new(&GenericDialect {}).try_with_sql(text);
    let parsed = parser.and_then(|mut parser| parser.parse_expr());
    parsed.expect("a condition of ours can be parsed")
}

/// The name that a selected column comes out under.
fn name_of(item: &SelectItem) -> String {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => name.value.clone(),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => path
            .last()
            .map(|name| name.value.clone())
            .unwrap_or_default(),
        other => other.to_string(),
    }
}

/// Leaves out each left join that nothing reads: by our definitions it finds
/// one row at most, so it changes no other column.
fn drop_unread_joins(select: &mut Select) {
    loop {
        let whole = select.clone();
        let mut dropped = false;
        for from in &mut select.from {
            from.joins.retain(|join| {
                let is_left = matches!(
                    join.join_operator,
                    JoinOperator::Left(_) | JoinOperator::LeftOuter(_)
                );
                // Its own condition does not count.
                let read_by_itself = |alias: &String| reads(&whole, alias) <= reads(join, alias);
                let unread =
                    is_left && alias_of(&join.relation).is_some_and(|a| read_by_itself(&a));
                dropped |= unread;
                !unread
            });
        }
        if !dropped {
            return;
        }
    }
}

/// How often columns of a table are named.
fn reads(node: &impl Visit, alias: &str) -> usize {
    let mut found = 0;
    let _ = visit_expressions(node, |expr| {
        if let Expr::CompoundIdentifier(path) = expr
            && path.first().is_some_and(|first| first.value == alias)
        {
            found += 1;
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

fn alias_of(relation: &TableFactor) -> Option<String> {
    match relation {
        TableFactor::Table { name, alias, .. } => Some(match alias {
            Some(alias) => alias.name.value.clone(),
            None => name.to_string(),
        }),
        TableFactor::Derived { alias, .. } => Some(alias.as_ref()?.name.value.clone()),
        _ => None,
    }
}

/// Adds to every select that reads a table of the lake whose rows it may read.
struct Narrow<'a, F> {
    tables: Vec<&'a str>,
    condition_of: F,
}

impl<F: Fn(&str) -> String> VisitorMut for Narrow<'_, F> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let relations = select.from.iter().flat_map(|from| {
            let joined = from.joins.iter().map(|join| &join.relation);
            std::iter::once(&from.relation).chain(joined)
        });
        let of_lake = relations.filter_map(|relation| match relation {
            TableFactor::Table { name, .. } if self.tables.contains(&name.to_string().as_str()) => {
                alias_of(relation)
            }
            _ => None,
        });
        let mut conditions: Vec<String> =
            of_lake.map(|alias| (self.condition_of)(&alias)).collect();
        if !conditions.is_empty() {
            conditions.extend(select.selection.as_ref().map(|old| format!("({old})")));
            select.selection = Some(expression(&conditions.join(" AND ")));
        }
        ControlFlow::Continue(())
    }
}

impl Known {
    /// The steps that it stands for.
    fn steps(&self) -> [Cte; 3] {
        let id = self.activity_id;
        let masks = self.masks.iter();
        let masks = masks.map(|(first, last)| format!("({id}, {first}, {last})"));
        let ways = self.ways.iter().map(|(from, way, to)| {
            let to = to.map_or("NULL".to_owned(), |to| to.to_string());
            format!("({id}, {from}, {way}, {to})")
        });
        let included = self.included_mm.iter().map(|mm| format!("({id}, {mm})"));
        [
            literals("included", &["activity_id", "distance_mm"], included),
            literals(
                "masks",
                &["activity_id", "first_sample", "last_sample"],
                masks,
            ),
            literals(
                "ways",
                &["activity_id", "from_sample", "way", "to_sample"],
                ways,
            ),
        ]
    }
}

/// The one distance or duration that a number is about, in the place of the
/// step that lists all of them: some engines take the square of their count.
fn only_of_key(address: &Address) -> Option<Cte> {
    let (name, column, value) = match (address.table.name, address.column.name) {
        ("best_efforts" | "refused_efforts", _) => (
            "distances",
            "distance_mm",
            address.part("distance_m").clone(),
        ),
        ("peaks", _) => (
            "durations",
            "duration_ms",
            address.part("duration_s").clone(),
        ),
        ("activities", "max_speed_m_s") => {
            ("durations", "duration_ms", ScalarValue::from(MAX_SPEED_S))
        }
        _ => return None,
    };
    let ScalarValue::Float64(Some(value)) = value else {
        return None;
    };
    let thousandths = (value * 1_000.0).round() as i64;
    let text = format!("{name} AS (SELECT CAST({thousandths} AS BIGINT) AS {column})");
    Some(step(&text))
}

/// A step of literal rows.
fn literals(name: &str, columns: &[&str], rows: impl Iterator<Item = String>) -> Cte {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        let columns = columns.iter().map(|column| format!("0 AS {column}"));
        let columns: Vec<_> = columns.collect();
        return step(&format!(
            "{name} AS (SELECT {} WHERE false)",
            columns.join(", ")
        ));
    }
    let (columns, rows) = (columns.join(", "), rows.join(", "));
    step(&format!("{name} ({columns}) AS (VALUES {rows})"))
}

/// The day on which windows end, as a step.
fn as_of(athlete: AthleteId, day: i32) -> Cte {
    step(&format!(
        "as_of AS (SELECT CAST({athlete} AS BIGINT) AS athlete_id, {} AS as_of)",
        literal(&ScalarValue::Date32(Some(day)))
    ))
}

fn step(text: &str) -> Cte {
    let with = parsed(&format!("WITH {text} SELECT 1")).with;
    let steps = with.expect("it was written with one").cte_tables;
    steps.into_iter().next().expect("it has one step")
}

/// Leaves out the steps that neither `body` nor a step that stays reads.
fn keep_needed(steps: &mut Vec<Cte>, body: &SetExpr) {
    let mut needed = relations(body);
    let mut kept = Vec::new();
    // Backwards: a step reads itself and those before it.
    for step in steps.drain(..).rev() {
        if needed.contains(&step.alias.name.value) {
            needed.extend(relations(&*step.query));
            kept.push(step);
        }
    }
    kept.reverse();
    *steps = kept;
}

fn relations(node: &impl Visit) -> HashSet<String> {
    let mut names = HashSet::new();
    let _ = visit_relations(node, |name: &ObjectName| {
        names.insert(name.to_string());
        ControlFlow::<()>::Continue(())
    });
    names
}

/// The condition that only the row of this address meets.
fn condition(address: &Address) -> String {
    let equal = address
        .named_key()
        .map(|(name, value)| format!("{} = {}", Ident::new(name), literal(value)));
    equal.collect::<Vec<_>>().join(" AND ")
}

/// A value as SQL writes it.
fn literal(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Utf8(Some(text)) => format!("'{}'", text.replace('\'', "''")),
        ScalarValue::Date32(Some(days)) => match date(*days) {
            Some(day) => format!("DATE '{day}'"),
            None => "NULL".to_owned(),
        },
        ScalarValue::Float64(Some(number)) => format!("{number}"),
        other => other.to_string(),
    }
}
