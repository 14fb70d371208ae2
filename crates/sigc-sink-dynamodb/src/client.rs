//! The client: where, as whom, and how long.

use crate::classify::no_credentials;
use aws_config::BehaviorVersion;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, ProvideCredentials, Region, SharedCredentialsProvider};
use sigc_catalog::{Args, TIMEOUT_MS};
use sigc_connectors::sinks::dynamodb::step::{
    ACCESS_KEY_ID, ENDPOINT_URL, PROFILE, REGION, SECRET_ACCESS_KEY, SESSION_TOKEN,
};
use sigc_runtime::SinkError;
use std::time::Duration;

/// Off AWS there is nobody to ask for a machine's role: say so soon.
const ROLE_SECONDS: u64 = 1;
/// Credentials that take longer are not there.
const CREDENTIALS_SECONDS: u64 = 10;

/// A client and where it goes to.
#[derive(Debug)]
pub(crate) struct Connected {
    pub client: Client,
    pub region: String,
}

/// Makes a client; finds region and credentials, and asks the service nothing.
pub(crate) async fn connect(sink: &str, args: &Args) -> Result<Connected, SinkError> {
    let timeout = Duration::from_millis(u64::from(args.get(&TIMEOUT_MS)));
    let times = TimeoutConfig::builder()
        .connect_timeout(timeout.min(Duration::from_secs(3)))
        .operation_timeout(timeout)
        .operation_attempt_timeout(timeout)
        .build();
    // One retry schedule for every sink: the outbox's.
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::disabled()).timeout_config(times);
    if let Some(region) = args.get(&REGION) {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = args.get(&PROFILE) {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = args.get(&ENDPOINT_URL) {
        loader = loader.endpoint_url(url);
    }
    let own = args.get(&ACCESS_KEY_ID).zip(args.get(&SECRET_ACCESS_KEY));
    let credentials = match own {
        Some((id, secret)) => {
            let keys = Credentials::new(id, secret, args.get(&SESSION_TOKEN), None, "the pipeline");
            SharedCredentialsProvider::new(keys)
        }
        None => SharedCredentialsProvider::new(chain(args.get(&PROFILE)).await),
    };
    let found = tokio::time::timeout(Duration::from_secs(CREDENTIALS_SECONDS), credentials.provide_credentials());
    match found.await {
        Ok(Ok(_)) => {}
        Ok(Err(e)) => return Err(no_credentials(sink, &e.to_string())),
        Err(_) => return Err(no_credentials(sink, &format!("none were found within {CREDENTIALS_SECONDS} s"))),
    }
    let config = loader.credentials_provider(credentials).load().await;
    let Some(region) = config.region().map(|r| r.as_ref().to_owned()) else {
        return Err(SinkError::Denied {
            sink: sink.to_owned(),
            reason: "no region is given".into(),
            help: "write `region: eu-central-1`, or set AWS_REGION; a local server wants one, too".into(),
        });
    };
    Ok(Connected { client: Client::new(&config), region })
}

/// Environment, profile, web identity, container, machine; the last one with a short limit.
async fn chain(profile: Option<String>) -> DefaultCredentialsChain {
    let second = Duration::from_secs(ROLE_SECONDS);
    let role = imds::Client::builder().max_attempts(1).connect_timeout(second).read_timeout(second).build();
    let chain = DefaultCredentialsChain::builder().imds_client(role);
    match profile {
        Some(profile) => chain.profile_name(&profile).build().await,
        None => chain.build().await,
    }
}
