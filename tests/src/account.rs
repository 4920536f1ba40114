//! What a load generator or a server has done, counted on its side.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde_json::{Value, json};

/// Exchanges by method and status, and bytes both ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// How many requests of a method were answered with a status.
    pub answered: BTreeMap<(String, u16), u64>,
    /// Bytes from the client to the server.
    pub sent: u64,
    /// Bytes from the server to the client.
    pub received: u64,
}

impl Account {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.answered.values().sum()
    }

    /// Counts requests of one kind.
    pub fn answer(&mut self, method: &str, status: u16, times: u64) {
        *self.answered.entry((method.to_owned(), status)).or_default() += times;
    }

    /// As a line for another process.
    pub fn to_json(&self) -> String {
        let answered: Vec<Value> =
            self.answered.iter().map(|((method, status), times)| json!([method, status, times])).collect();
        json!({ "answered": answered, "sent": self.sent, "received": self.received }).to_string()
    }

    /// Reads what [`Account::to_json`] wrote.
    pub fn from_json(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).expect("an account in JSON");
        let mut account =
            Self { sent: number(&value["sent"]), received: number(&value["received"]), ..Self::default() };
        for row in value["answered"].as_array().into_iter().flatten() {
            let status = u16::try_from(number(&row[1])).expect("a status has three digits");
            account.answer(row[0].as_str().unwrap_or_default(), status, number(&row[2]));
        }
        account
    }
}

impl AddAssign<&Self> for Account {
    fn add_assign(&mut self, other: &Self) {
        for ((method, status), times) in &other.answered {
            self.answer(method, *status, *times);
        }
        self.sent += other.sent;
        self.received += other.received;
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a count"))
}

#[cfg(test)]
mod tests {
    use super::Account;

    #[test]
    fn survives_the_way_to_another_process() {
        let mut account = Account { sent: 7, received: 9, ..Account::default() };
        account.answer("GET", 200, 3);
        account.answer("POST", 201, 2);
        assert_eq!(Account::from_json(&account.to_json()), account);
        let twice = &account.clone();
        account += twice;
        assert_eq!((account.requests(), account.sent), (10, 14));
    }
}
