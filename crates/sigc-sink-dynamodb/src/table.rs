//! The table: whether it is there, whether rows fit, and how to make it.

use crate::classify::sink_error;
use crate::item::EXPIRES_AT;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use sigc_runtime::{RecordSchema, SinkError};

/// The names of a table's key attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNames {
    /// The partition key's.
    pub pk: String,
    /// The sort key's.
    pub sk: String,
}

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub sink: &'a str,
    pub table: &'a str,
    pub region: &'a str,
    pub own_endpoint: bool,
    pub own_keys: bool,
}

impl Asked<'_> {
    /// The command that makes a table that fits.
    fn command(&self) -> String {
        let endpoint = if self.own_endpoint { " --endpoint-url ENDPOINT_URL" } else { "" };
        format!(
            "aws dynamodb create-table --table-name {} --region {}{endpoint} --billing-mode PAY_PER_REQUEST \
             --attribute-definitions AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=N \
             --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE",
            self.table, self.region
        )
    }

    fn unfit(&self, reason: String, help: String) -> SinkError {
        SinkError::Unfit { sink: self.sink.to_owned(), reason, help }
    }
}

/// Looks for the table; `None` if there is none.
pub(crate) async fn describe(client: &Client, asked: Asked<'_>) -> Result<Option<TableDescription>, SinkError> {
    match client.describe_table().table_name(asked.table).send().await {
        Ok(answer) => Ok(answer.table),
        Err(e) if e.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(e) => Err(sink_error(asked.sink, &e, asked.own_keys)),
    }
}

/// What to say of a table that is not there.
pub(crate) fn missing(asked: Asked<'_>) -> SinkError {
    let reason = format!("there is no table `{}` in {}", asked.table, asked.region);
    asked.unfit(reason, format!("make it by `{}`, or write `create: true`", asked.command()))
}

/// Makes the table. It is not ready at once.
pub(crate) async fn create(client: &Client, asked: Asked<'_>) -> Result<(), SinkError> {
    let built = |e: &dyn std::fmt::Display| asked.unfit(e.to_string(), String::new());
    let attribute = |name: &str, kind| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().map_err(|e| built(&e))
    };
    let key = |name: &str, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(|e| built(&e))
    };
    let made = client
        .create_table()
        .table_name(asked.table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("sk", ScalarAttributeType::N)?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .send()
        .await;
    match made {
        Ok(_) => Ok(()),
        // Somebody else was faster.
        Err(e) if e.code() == Some("ResourceInUseException") => Ok(()),
        Err(e) => Err(sink_error(asked.sink, &e, asked.own_keys)),
    }
}

/// Whether rows of these records fit into the table: the names of its key if they do. The names may be any.
pub(crate) fn fits(
    table: &TableDescription,
    records: &RecordSchema,
    reserved: &[&str],
    asked: Asked<'_>,
) -> Result<KeyNames, SinkError> {
    match table.table_status() {
        None | Some(TableStatus::Active | TableStatus::Updating) => {}
        Some(TableStatus::Creating) => {
            let (sink, reason) = (asked.sink.to_owned(), format!("the table `{}` is still being made", asked.table));
            return Err(SinkError::Unavailable { sink, reason, unknown: false });
        }
        Some(other) => {
            let reason = format!("the table `{}` is in the state {other}", asked.table);
            return Err(asked.unfit(reason, "see to the table, or give the pipeline another one".into()));
        }
    }
    let kind_of = |name: &str| {
        let definitions = table.attribute_definitions().iter();
        definitions.clone().find(|a| a.attribute_name() == name).map(|a| a.attribute_type().as_str().to_owned())
    };
    let key = |kind: KeyType| table.key_schema().iter().find(|k| *k.key_type() == kind).map(|k| k.attribute_name());
    let (pk, sk) = (key(KeyType::Hash), key(KeyType::Range));
    let shown = |name: Option<&str>| {
        name.map_or("none".to_owned(), |n| format!("`{n}` ({})", kind_of(n).unwrap_or_else(|| "?".into())))
    };
    let fitting = |name: Option<&str>, kind: &str| name.and_then(kind_of).as_deref() == Some(kind);
    let (Some(pk), Some(sk), true) = (pk, sk, fitting(pk, "S") && fitting(sk, "N")) else {
        let reason = format!(
            "the table `{}` has the partition key {} and the sort key {}; rows need a partition key of type S and a \
             sort key of type N",
            asked.table,
            shown(pk),
            shown(sk)
        );
        return Err(
            asked.unfit(reason, format!("a key cannot be changed: make another table by `{}`", asked.command()))
        );
    };
    let fields = records.fields();
    let taken = |name: &str| fields.iter().any(|f| f.name == name) || reserved.contains(&name);
    if let Some(name) = [pk, sk].into_iter().find(|name| taken(name)) {
        let reason = format!("the table `{}` has a key `{name}`, and rows have a field of that name", asked.table);
        return Err(asked.unfit(reason, format!("make another table by `{}`", asked.command())));
    }
    Ok(KeyNames { pk: pk.to_owned(), sk: sk.to_owned() })
}

/// Whether the table deletes what is over; in words what to do if it does not, or if it does not say.
pub(crate) async fn expiry(client: &Client, asked: Asked<'_>) -> Option<String> {
    let answer = client.describe_time_to_live().table_name(asked.table).send().await;
    let spec = answer.ok().and_then(|a| a.time_to_live_description);
    let on = spec.as_ref().is_some_and(|s| {
        s.attribute_name() == Some(EXPIRES_AT)
            && matches!(s.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    (!on).then(|| {
        format!(
            "the table `{0}` does not delete rows by `{EXPIRES_AT}`; `aws dynamodb update-time-to-live --table-name {0} \
             --region {1} --time-to-live-specification Enabled=true,AttributeName={EXPIRES_AT}` makes it",
            asked.table, asked.region
        )
    })
}

/// Makes a new table delete what is over.
pub(crate) async fn enable_expiry(client: &Client, asked: Asked<'_>) -> Result<(), SinkError> {
    let spec = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES_AT).build();
    let spec = spec.map_err(|e| asked.unfit(e.to_string(), String::new()))?;
    let done = client.update_time_to_live().table_name(asked.table).time_to_live_specification(spec).send().await;
    done.map(drop).map_err(|e| sink_error(asked.sink, &e, asked.own_keys))
}
