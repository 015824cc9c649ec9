//! [`Asker`]: whose request it is, as the shop's proxy says.

use crate::app::Shared;
use crate::kinds;
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use segstock_orders::MAX_KEY;

/// Whose request it is: a customer, as the header says that [`App::customer_header`](crate::app::App::customer_header)
/// names. The shop, and customers' programs without such a header, may ask for all orders whose ids they know.
#[derive(Debug)]
pub struct Asker(Option<String>);

impl Asker {
    /// The customer of a new order, whose body may name one too.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the body names another than the header, or one whom no header could name.
    pub fn customer(self, named: Option<String>) -> Result<Option<String>, Problem> {
        if named
            .as_deref()
            .is_some_and(|named| !is_usable(named.as_bytes()))
        {
            let detail = format!("a customer has 1 to {MAX_KEY} printable characters of ASCII");
            return Err(Problem::invalid(detail));
        }
        match (self.0, named) {
            (Some(asks), Some(named)) if asks != named => {
                let detail = "the order names another customer than the one who asks";
                Err(Problem::invalid(detail))
            }
            (asks, named) => Ok(asks.or(named)),
        }
    }

    /// The customer whose orders alone they may know of; none, if they may know of all.
    #[must_use]
    pub fn of(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl FromRequestParts<Shared> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let Some(header) = &app.customer_header else {
            return Ok(Self(None));
        };
        let mut values = parts.headers.get_all(header).iter();
        match (values.next(), values.next()) {
            (Some(value), None) if is_usable(value.as_bytes()) => {
                let name = value.to_str().map_err(|_| no_customer(header.as_str()))?;
                Ok(Self(Some(name.to_owned())))
            }
            _ => Err(no_customer(header.as_str())),
        }
    }
}

/// Whether a header could name such a customer.
fn is_usable(name: &[u8]) -> bool {
    (1..=MAX_KEY).contains(&name.len()) && name.iter().all(|byte| (b' '..=b'~').contains(byte))
}

fn no_customer(header: &str) -> Problem {
    let detail = format!(
        "the proxy has to name the customer: one header {header} of 1 to {MAX_KEY} printable characters of ASCII"
    );
    Problem::new(kinds::NO_CUSTOMER, detail)
}
