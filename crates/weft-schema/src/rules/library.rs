//! The functions that Kubernetes adds to the language: lists, regular expressions, URLs, addresses, sets, quantities.

mod address;
mod quantity;

use std::sync::Arc;

use cel::common::types::{CelInt, DYN_TYPE, LIST_TYPE};
use cel::common::value::CowVal;
use cel::extractors::This;
use cel::objects::Opaque;
use cel::{Context, DeclarationError, Env, ExecutionError, Value as Cel};

use super::compile::PAY;
use super::pairs::KEYS;
use super::{Budget, url};

type Answer = Result<Cel, ExecutionError>;

/// Overloads of names that the standard library has for other types.
pub(super) fn overloads(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_member_overload("indexOf", "list.indexOf(dyn)", LIST_TYPE, vec![DYN_TYPE], |args| {
        position(&args, false)
    })?;
    env.add_member_overload(
        "lastIndexOf",
        "list.lastIndexOf(dyn)",
        LIST_TYPE,
        vec![DYN_TYPE],
        |args| position(&args, true),
    )
}

fn position<'b, 'v>(args: &[CowVal<'b, 'v>], last: bool) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [list, wanted] = args else { return Err(ExecutionError::missing_argument_or_target()) };
    let (list, wanted) = (Cel::try_from(list.as_ref())?, Cel::try_from(wanted.as_ref())?);
    let Cel::List(items) = list else { return Err(ExecutionError::unsupported_target_type(list)) };
    let found = match last {
        false => items.iter().position(|item| *item == wanted),
        true => items.iter().rposition(|item| *item == wanted),
    };
    let at = found.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1);
    Ok(CowVal::owned(CelInt::from(at)))
}

/// Adds all functions, and the one by which comprehensions pay.
pub(super) fn functions(context: &mut Context<'_, 'static>, budget: &Budget) {
    // A name that is taken would be the standard library's own, with the same meaning.
    let budget = budget.clone();
    context
        .add_function(PAY, move |range: Cel| -> Answer {
            let size = match &range {
                Cel::List(items) => items.len(),
                Cel::Map(map) => map.map.len(),
                _ => 0,
            };
            budget.take(size + 1).map(|()| range)
        })
        .ok();
    context
        .add_function(KEYS, |of: Cel| -> Answer {
            let Cel::List(items) = &of else { return Ok(of) };
            let places = (0_i64..).take(items.len()).map(Cel::Int);
            Ok(Cel::from(places.collect::<Vec<_>>()))
        })
        .ok();
    lists(context);
    texts(context);
    urls(context);
    sets(context);
    address::functions(context);
    quantity::functions(context);
}

fn items(value: Cel) -> Result<Arc<Vec<Cel>>, ExecutionError> {
    match value {
        Cel::List(items) => Ok(items),
        other => Err(ExecutionError::unsupported_target_type(other)),
    }
}

fn lists(context: &mut Context<'_, 'static>) {
    context
        .add_function("isSorted", |This(list): This<Cel>| -> Answer {
            let items = items(list)?;
            let sorted = items
                .windows(2)
                .all(|pair| pair[0].partial_cmp(&pair[1]).is_some_and(std::cmp::Ordering::is_le));
            Ok(Cel::Bool(sorted))
        })
        .ok();
    context
        .add_function("sum", |This(list): This<Cel>| -> Answer {
            let items = items(list)?;
            let mut all = items.iter().cloned();
            let first = all.next().unwrap_or(Cel::Int(0));
            all.try_fold(first, |sum, next| sum + next)
        })
        .ok();
    for (name, wanted) in [("min", std::cmp::Ordering::Less), ("max", std::cmp::Ordering::Greater)]
    {
        context
            .add_function(name, move |This(list): This<Cel>| -> Answer {
                let items = items(list)?;
                let better = |best: Cel, next: &Cel| {
                    if next.partial_cmp(&best) == Some(wanted) { next.clone() } else { best }
                };
                let (first, rest) = items
                    .split_first()
                    .ok_or_else(|| ExecutionError::function_error(name, "the list is empty"))?;
                Ok(rest.iter().fold(first.clone(), better))
            })
            .ok();
    }
}

fn pattern(text: &str) -> Result<regex::Regex, ExecutionError> {
    regex::Regex::new(text).map_err(|error| ExecutionError::function_error("find", error))
}

fn texts(context: &mut Context<'_, 'static>) {
    context
        .add_function("find", |This(text): This<Arc<String>>, wanted: Arc<String>| -> Answer {
            let found = pattern(&wanted)?.find(&text).map_or("", |found| found.as_str()).to_owned();
            Ok(Cel::from(found))
        })
        .ok();
    context
        .add_function("findAll", |This(text): This<Arc<String>>, wanted: Arc<String>| -> Answer {
            let pattern = pattern(&wanted)?;
            let found: Vec<Cel> =
                pattern.find_iter(&text).map(|found| Cel::from(found.as_str())).collect();
            Ok(Cel::from(found))
        })
        .ok();
}

/// The value that an opaque one holds.
fn held<T: Opaque + Clone>(value: &Cel) -> Result<T, ExecutionError> {
    let found = match value {
        Cel::Opaque(held) => held.downcast_ref::<T>().cloned(),
        _ => None,
    };
    found.ok_or_else(|| ExecutionError::unsupported_target_type(value.clone()))
}

fn urls(context: &mut Context<'_, 'static>) {
    context
        .add_function("url", |text: Arc<String>| -> Answer {
            let read =
                url::parse(&text).map_err(|why| ExecutionError::function_error("url", why))?;
            Ok(Cel::Opaque(Arc::new(read)))
        })
        .ok();
    context.add_function("isURL", |text: Arc<String>| url::parse(&text).is_ok()).ok();
    type Part = fn(&url::Url) -> String;
    let parts: [(&str, Part); 5] = [
        ("getScheme", |url| url.scheme.clone()),
        ("getHost", |url| url.host.clone()),
        ("getHostname", |url| url.hostname().to_owned()),
        ("getPort", |url| url.port().to_owned()),
        ("getEscapedPath", |url| url.path.clone()),
    ];
    for (name, part) in parts {
        context
            .add_function(name, move |This(url): This<Cel>| -> Answer {
                Ok(Cel::from(part(&held(&url)?)))
            })
            .ok();
    }
    context
        .add_function("getQuery", |This(url): This<Cel>| -> Answer {
            let mut found: std::collections::HashMap<String, Vec<Cel>> =
                std::collections::HashMap::new();
            for (key, value) in held::<url::Url>(&url)?.pairs() {
                found.entry(key).or_default().push(Cel::from(value));
            }
            Ok(Cel::from(found))
        })
        .ok();
}

fn sets(context: &mut Context<'_, 'static>) {
    let all = |left: &[Cel], right: &[Cel]| right.iter().all(|item| left.contains(item));
    context
        .add_function("sets.contains", move |left: Cel, right: Cel| -> Answer {
            Ok(Cel::Bool(all(&items(left)?, &items(right)?)))
        })
        .ok();
    context
        .add_function("sets.equivalent", move |left: Cel, right: Cel| -> Answer {
            let (left, right) = (items(left)?, items(right)?);
            Ok(Cel::Bool(all(&left, &right) && all(&right, &left)))
        })
        .ok();
    context
        .add_function("sets.intersects", |left: Cel, right: Cel| -> Answer {
            let right = items(right)?;
            Ok(Cel::Bool(items(left)?.iter().any(|item| right.contains(item))))
        })
        .ok();
}
