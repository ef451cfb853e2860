//! Analysts' SQL: one statement, read-only by construction.
//!
//! A statement is refused twice over. Its kind must be one that only reads,
//! which gives a clear message; then its logical plan must consist of reading
//! nodes at every depth, subqueries included, which is the guard. A plan node
//! that a later DataFusion adds does not compile here until someone decides.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{SetExpr, Statement as Ansi};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::Error;
use crate::session::{Held, Rows, Session};

/// How deep expressions and subqueries may be nested.
const DEPTH: usize = 50;
/// How many words and signs a statement may have, literals, commas and
/// parentheses aside.
const WORDS: usize = 3_000;
/// How many of them one clause may have, what is in parentheses aside. Planning
/// a chain of operators goes as deep as the chain is long, takes the square of
/// its length, and cannot be stopped half-way.
const CHAIN: usize = 1_000;
/// How many selects and tables may be chained by UNION, JOIN and their like.
const UNITED: usize = 250;
/// Words that begin a clause: a chain ends there.
const CLAUSES: [Keyword; 8] = [
    Keyword::SELECT,
    Keyword::FROM,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::WINDOW,
    Keyword::QUALIFY,
    Keyword::ORDER,
];
/// Words that chain selects or tables.
const UNITING: [Keyword; 5] = [
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::MINUS,
    Keyword::JOIN,
];
/// How deep parentheses that follow a word may be nested: functions, CAST,
/// `IN (…)`, `FROM (…)`. Where an error is inside, the parser reads most of
/// these twice, so that each level doubles its time.
const CALLS: usize = 12;

/// The rows that one SQL statement gives over the session's tables and views.
///
/// # Errors
/// [`Error::InvalidQuery`] for text that is not one statement over them,
/// [`Error::ReadOnly`] for a statement that does more than read, and the
/// limits that it passes: more rows than the limit are an error, never cut.
pub async fn query(session: &Session, text: &str) -> Result<Rows, Error> {
    Ok(held(session, text).await?.rows)
}

/// The same, where the rows count as memory in use as long as they are held.
///
/// # Errors
/// As [`query`].
pub async fn held(session: &Session, text: &str) -> Result<Held, Error> {
    let plan = plan(&session.state(), text).await?;
    session.collect_held(plan, Error::of_query).await
}

/// The plan of one read-only statement.
pub(crate) async fn plan(state: &SessionState, text: &str) -> Result<LogicalPlan, Error> {
    let statement = one_statement(text)?;
    refuse_kind(&statement)?;
    refuse_into(text)?;
    let plan = state
        .statement_to_plan(statement)
        .await
        .map_err(Error::of_query)?;
    refuse_plan(&plan)?;
    Ok(plan)
}

/// Refuses a statement that would take long to parse or to plan. What cannot
/// be cut into words is left to the parser, whose message is better.
pub(crate) fn refuse_size(text: &str) -> Result<(), Error> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let (mut words, mut united, mut calls) = (0, 0, 0);
    // Of each open parenthesis: whether it follows a word, and how long the
    // clause around it was.
    let mut open: Vec<(bool, usize)> = Vec::new();
    let (mut chain, mut longest) = (0, 0);
    let mut after_word = false;
    for token in tokens.iter().flatten() {
        let keyword = match token {
            Token::Whitespace(_) => continue,
            Token::Word(word) => Some(word.keyword),
            _ => None,
        };
        // Lists of literals, and of rows of them, are quick to plan.
        let counts = !matches!(
            token,
            Token::Comma
                | Token::LParen
                | Token::RParen
                | Token::Number(..)
                | Token::SingleQuotedString(_)
        );
        words += usize::from(counts);
        chain += usize::from(counts);
        longest = longest.max(chain);
        united += usize::from(keyword.is_some_and(|word| UNITING.contains(&word)));
        match token {
            Token::LParen => {
                open.push((after_word, chain));
                chain = 0;
                calls += usize::from(after_word);
                if calls > CALLS {
                    return Err(Error::TooDeep { limit: CALLS });
                }
            }
            Token::RParen => {
                let (was_call, around) = open.pop().unwrap_or_default();
                calls -= usize::from(was_call);
                chain = around;
            }
            _ if keyword.is_some_and(|word| CLAUSES.contains(&word)) => chain = 0,
            _ => {}
        }
        after_word = keyword.is_some();
    }
    for (words, limit) in [(words, WORDS), (longest, CHAIN), (united, UNITED)] {
        if words > limit {
            return Err(Error::TooComplex { words, limit });
        }
    }
    Ok(())
}

fn one_statement(text: &str) -> Result<Statement, Error> {
    refuse_size(text)?;
    let mut statements = DFParserBuilder::new(text)
        .with_recursion_limit(DEPTH)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(Error::of_query)?;
    let invalid = |message: &str| Error::InvalidQuery {
        message: message.to_owned(),
    };
    let statement = statements
        .pop_front()
        .ok_or_else(|| invalid("there is no statement"))?;
    if !statements.is_empty() {
        return Err(invalid("only one statement may be given"));
    }
    Ok(statement)
}

/// Lets through the kinds of statement that can only read.
fn refuse_kind(statement: &Statement) -> Result<(), Error> {
    let reads = match statement {
        Statement::Statement(ansi) => match &**ansi {
            // `WITH … INSERT` is a query to the parser.
            Ansi::Query(query) => !matches!(
                *query.body,
                SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
            ),
            ansi => matches!(
                ansi,
                Ansi::ExplainTable { .. }
                    | Ansi::ShowTables { .. }
                    | Ansi::ShowColumns { .. }
                    | Ansi::ShowFunctions { .. }
                    | Ansi::ShowVariable { .. }
                    | Ansi::ShowCreate { .. }
            ),
        },
        Statement::Explain(explain) => return refuse_kind(&explain.statement),
        Statement::CopyTo(_) | Statement::CreateExternalTable(_) | Statement::Reset(_) => false,
    };
    if reads {
        return Ok(());
    }
    Err(read_only(&statement.to_string()))
}

/// Refuses `INTO`: the planner passes over `SELECT … INTO` inside another
/// select, as if it were not there.
fn refuse_into(text: &str) -> Result<(), Error> {
    let tokens = Tokenizer::new(&GenericDialect {}, text)
        .tokenize()
        .unwrap_or_default();
    // A quoted name is no keyword.
    let is_into =
        |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::INTO);
    match tokens.iter().any(is_into) {
        true => Err(read_only(text)),
        false => Ok(()),
    }
}

/// Lets through plans that consist of reading nodes only.
fn refuse_plan(plan: &LogicalPlan) -> Result<(), Error> {
    let mut refused = None;
    let visited = plan.apply_with_subqueries(|node| {
        Ok(match node {
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::TableScan(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Values(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::DescribeTable(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::RecursiveQuery(_) => TreeNodeRecursion::Continue,
            LogicalPlan::Statement(_)
            | LogicalPlan::Extension(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_) => {
                refused = Some(node.display().to_string());
                TreeNodeRecursion::Stop
            }
        })
    });
    visited.map_err(Error::of_query)?;
    refused.map_or(Ok(()), |node| Err(read_only(&node)))
}

/// The error, naming the statement by its first words.
fn read_only(statement: &str) -> Error {
    let words: Vec<&str> = statement.split_whitespace().take(3).collect();
    Error::ReadOnly {
        statement: words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_tests::session;
    use storage::{Code, Failure};

    #[tokio::test]
    async fn a_statement_that_would_take_long_to_plan_is_refused() {
        let session = session(&[], &[]).await;
        for text in [
            format!("SELECT {}", vec!["1"; 2_000].join("+")),
            vec!["SELECT 1"; 600].join(" UNION ALL "),
        ] {
            let refused = query(&session, &text).await.unwrap_err();
            assert_eq!(refused.code(), Code::QueryLimit, "{refused}");
        }
        // A long list is not long to plan.
        let list = vec!["1"; 5_000].join(", ");
        let rows = query(&session, &format!("SELECT 1 IN ({list}) AS found")).await;
        assert_eq!(rows.unwrap().len(), 1);
    }
}
