//! `quantity()` and `isQuantity()`: amounts like `100m`, `1Gi`, `5k`.

use std::cmp::Ordering;
use std::sync::Arc;

use cel::extractors::This;
use cel::{Context, ExecutionError, Value as Cel};

use super::{Answer, held};

/// An amount in billionths, so that `n` is exact.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Quantity(i128);

impl cel::objects::Opaque for Quantity {
    fn runtime_type_name(&self) -> &str {
        "kubernetes.Quantity"
    }
}

const ONE: i128 = 1_000_000_000;
const UNITS: [(&str, i128); 15] = [
    ("Ki", ONE << 10),
    ("Mi", ONE << 20),
    ("Gi", ONE << 30),
    ("Ti", ONE << 40),
    ("Pi", ONE << 50),
    ("Ei", ONE << 60),
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", ONE * 1_000),
    ("M", ONE * 1_000_000),
    ("G", ONE * 1_000_000_000),
    ("T", ONE * 1_000_000_000_000),
    ("P", ONE * 1_000_000_000_000_000),
    ("E", ONE * 1_000_000_000_000_000_000),
];

impl Quantity {
    fn parse(text: &str) -> Option<Self> {
        let end =
            text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let factor = match unit {
            "" => ONE,
            unit => UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|(_, f)| *f)
                .or_else(|| exponent(unit))?,
        };
        let (sign, digits) = match number.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |text: &str| text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || !plain(whole) || !plain(part) {
            return None;
        }
        let read = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i128>().ok() };
        let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
        let amount = read(whole)?.checked_mul(scale)?.checked_add(read(part)?)?;
        Some(Self(sign * amount.checked_mul(factor)? / scale))
    }
}

/// `e3`, `E-2`.
fn exponent(unit: &str) -> Option<i128> {
    let power: i32 = unit.strip_prefix(['e', 'E'])?.parse().ok()?;
    let scale = 10_i128.checked_pow(power.unsigned_abs())?;
    if power < 0 { Some(ONE / scale) } else { ONE.checked_mul(scale) }
}

fn quantity(text: &str) -> Result<Quantity, ExecutionError> {
    let bad = || ExecutionError::function_error("quantity", format!("{text:?} is not a quantity"));
    Quantity::parse(text).ok_or_else(bad)
}

/// A quantity, or a whole number of ones.
fn amount(value: &Cel) -> Result<i128, ExecutionError> {
    match value {
        Cel::Int(whole) => Ok(i128::from(*whole) * ONE),
        other => held::<Quantity>(other).map(|quantity| quantity.0),
    }
}

pub(super) fn functions(context: &mut Context<'_, 'static>) {
    context
        .add_function("quantity", |text: Arc<String>| -> Answer {
            Ok(Cel::Opaque(Arc::new(quantity(&text)?)))
        })
        .ok();
    context.add_function("isQuantity", |text: Arc<String>| Quantity::parse(&text).is_some()).ok();
    for (name, wanted) in [("isGreaterThan", Ordering::Greater), ("isLessThan", Ordering::Less)] {
        context
            .add_function(name, move |This(left): This<Cel>, right: Cel| -> Answer {
                Ok(Cel::Bool(amount(&left)?.cmp(&amount(&right)?) == wanted))
            })
            .ok();
    }
    context
        .add_function("compareTo", |This(left): This<Cel>, right: Cel| -> Answer {
            Ok(Cel::Int(amount(&left)?.cmp(&amount(&right)?) as i64))
        })
        .ok();
    for (name, sign) in [("add", 1), ("sub", -1)] {
        context
            .add_function(name, move |This(left): This<Cel>, right: Cel| -> Answer {
                let sum = amount(&left)?.checked_add(sign * amount(&right)?);
                let sum = sum.ok_or_else(|| ExecutionError::function_error(name, "too large"))?;
                Ok(Cel::Opaque(Arc::new(Quantity(sum))))
            })
            .ok();
    }
    context
        .add_function("sign", |This(given): This<Cel>| -> Answer {
            Ok(Cel::Int(i64::try_from(amount(&given)?.signum()).unwrap_or(0)))
        })
        .ok();
    numbers(context);
}

fn numbers(context: &mut Context<'_, 'static>) {
    let whole = |given: &Cel| -> Result<Option<i64>, ExecutionError> {
        let amount = amount(given)?;
        Ok((amount % ONE == 0).then(|| i64::try_from(amount / ONE).ok()).flatten())
    };
    context
        .add_function("isInteger", move |This(given): This<Cel>| -> Answer {
            Ok(Cel::Bool(whole(&given)?.is_some()))
        })
        .ok();
    context
        .add_function("asInteger", move |This(given): This<Cel>| -> Answer {
            let bad = || ExecutionError::function_error("asInteger", "it is not a whole number");
            whole(&given)?.map(Cel::Int).ok_or_else(bad)
        })
        .ok();
    #[expect(clippy::cast_precision_loss, reason = "the function promises an approximation")]
    context
        .add_function("asApproximateFloat", |This(given): This<Cel>| -> Answer {
            Ok(Cel::Float(amount(&given)? as f64 / ONE as f64))
        })
        .ok();
}
