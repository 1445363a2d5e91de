//! Webhooks: telling other services what happens.

use poem::http::header;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::body::JsonBody;
use super::jobs::Tag;
use super::problem::{Acts, Creates, Failure, Reads, ReadsOne, Refused, Triggers};
use super::query;
use super::reply::Reply;
use super::wire::{
    DeliveryBody, Message, TryBody, WebhookBody, WebhookChange, WebhookInput, WebhookReply,
};
use crate::host::{DeliveryStatus, Host, WebhookWish};

pub(crate) struct WebhooksApi {
    pub(crate) host: Host,
}

#[OpenApi]
impl WebhooksApi {
    /// Make a webhook
    ///
    /// Its address is sent every event from now on, at least once each, as a `POST` that is signed as
    /// [Standard Webhooks](https://www.standardwebhooks.com) has it: the body is `{"type", "timestamp", "data"}`, with the
    /// `data` of the event stream. An event that is not answered with 2xx is sent again for a day, with the same
    /// `webhook-id`. The whole secret is shown in this answer only.
    #[oai(
        path = "/scheduler/webhooks",
        method = "post",
        operation_id = "createWebhook",
        tag = "Tag::Events"
    )]
    async fn create(
        &self,
        body: JsonBody<WebhookInput>,
    ) -> Result<Reply<WebhookReply, 201>, Failure<Creates>> {
        let wish = WebhookWish::read(body.value, true).map_err(Refused::invalid)?;
        let webhook = self.host.create_webhook(wish).await?;
        let location = format!("/scheduler/webhooks/{}", webhook.id);
        Ok(Reply::json(&WebhookReply::new("Webhook created", &webhook))
            .header(header::LOCATION, &location))
    }

    /// List webhooks
    ///
    /// In the order in which they were made.
    #[oai(
        path = "/scheduler/webhooks",
        method = "get",
        operation_id = "listWebhooks",
        tag = "Tag::Events"
    )]
    async fn list(&self) -> Result<Reply<Vec<WebhookBody>>, Failure<Reads>> {
        let webhooks = self.host.webhooks().await?;
        let webhooks: Vec<_> = webhooks.iter().map(WebhookBody::from).collect();
        Ok(Reply::json(&webhooks))
    }

    /// Read a webhook
    #[oai(
        path = "/scheduler/webhooks/:webhook_id",
        method = "get",
        operation_id = "getWebhook",
        tag = "Tag::Events"
    )]
    async fn read(
        &self,
        /// The webhook's id.
        webhook_id: Path<String>,
    ) -> Result<Reply<WebhookBody>, Failure<ReadsOne>> {
        let webhook = self.host.webhook(&webhook_id.0).await?;
        Ok(Reply::json(&WebhookBody::from(&webhook)))
    }

    /// Change a webhook
    ///
    /// A field that is missing stays as it is; null clears `events`, `job_id` and `description`. One that is active again
    /// goes on where it stopped, with what happened in the last seven days. What has not arrived yet goes to the new
    /// address; it is given up where its event or job is not wanted any more.
    #[oai(
        path = "/scheduler/webhooks/:webhook_id",
        method = "patch",
        operation_id = "patchWebhook",
        tag = "Tag::Events"
    )]
    async fn change(
        &self,
        /// The webhook's id.
        webhook_id: Path<String>,
        body: JsonBody<WebhookChange>,
    ) -> Result<Reply<WebhookBody>, Failure<Acts>> {
        let wish = WebhookWish::read(body.value, false).map_err(Refused::invalid)?;
        let webhook = self.host.edit_webhook(&webhook_id.0, wish).await?;
        Ok(Reply::json(&WebhookBody::from(&webhook)))
    }

    /// Delete a webhook
    ///
    /// With everything that is remembered of its deliveries.
    #[oai(
        path = "/scheduler/webhooks/:webhook_id",
        method = "delete",
        operation_id = "deleteWebhook",
        tag = "Tag::Events"
    )]
    async fn delete(
        &self,
        /// The webhook's id.
        webhook_id: Path<String>,
    ) -> Result<Reply<Message>, Failure<ReadsOne>> {
        self.host.delete_webhook(&webhook_id.0).await?;
        let message = "Webhook deleted".into();
        Ok(Reply::json(&Message { message }))
    }

    /// Try a webhook out
    ///
    /// Sends it an event of type `Test` now, and answers what came of it within five seconds: 200 also where it failed. One
    /// that is answered with 410 is disabled.
    #[oai(
        path = "/scheduler/webhooks/:webhook_id/test",
        method = "post",
        operation_id = "testWebhook",
        tag = "Tag::Events"
    )]
    async fn test(
        &self,
        /// The webhook's id.
        webhook_id: Path<String>,
    ) -> Result<Reply<TryBody>, Failure<Triggers>> {
        let tried = self.host.test_webhook(&webhook_id.0).await?;
        Ok(Reply::json(&TryBody::from(&tried)))
    }

    /// List a webhook's deliveries
    ///
    /// Those of the last seven days and those that are still tried, newest first. Where there are few of a `status`, less
    /// than `limit` may come and the `Link` header still lead on.
    #[oai(
        path = "/scheduler/webhooks/:webhook_id/deliveries",
        method = "get",
        operation_id = "listDeliveries",
        tag = "Tag::Events"
    )]
    async fn deliveries(
        &self,
        request: &poem::Request,
        /// The webhook's id.
        webhook_id: Path<String>,
        /// Only deliveries of this status.
        status: Query<Option<String>>,
        /// At most so many, 1 to 500; 50 by default.
        limit: Query<Option<String>>,
        /// Where to go on, from a `Link` header.
        cursor: Query<Option<String>>,
    ) -> Result<Reply<Vec<DeliveryBody>>, Failure<ReadsOne>> {
        let status = status.0.as_deref().map(status_word).transpose()?;
        let limit = query::limit(limit.0.as_deref(), 500)?.unwrap_or(50);
        let cursor = cursor.0.filter(|cursor| !cursor.is_empty());
        let deliveries = self
            .host
            .deliveries(&webhook_id.0, status, cursor.as_deref(), limit);
        let (deliveries, next) = deliveries.await.map_err(query::cursor_error)?;
        let deliveries: Vec<_> = deliveries.iter().map(DeliveryBody::from).collect();
        let reply = Reply::json(&deliveries);
        Ok(match next {
            Some(next) => reply.header(header::LINK, &query::next_link(request, &next)),
            None => reply,
        })
    }

    /// Read a delivery
    #[oai(
        path = "/scheduler/webhooks/:webhook_id/deliveries/:delivery_id",
        method = "get",
        operation_id = "getDelivery",
        tag = "Tag::Events"
    )]
    async fn delivery(
        &self,
        /// The webhook's id.
        webhook_id: Path<String>,
        /// The delivery's id: that of the event.
        delivery_id: Path<String>,
    ) -> Result<Reply<DeliveryBody>, Failure<ReadsOne>> {
        let delivery = self.host.delivery(&webhook_id.0, &delivery_id.0).await?;
        Ok(Reply::json(&DeliveryBody::from(&delivery)))
    }

    /// Send an event again
    ///
    /// Now, under the id that it had; answers the delivery with what came of it within five seconds.
    #[oai(
        path = "/scheduler/webhooks/:webhook_id/deliveries/:delivery_id/resend",
        method = "post",
        operation_id = "resendDelivery",
        tag = "Tag::Events"
    )]
    async fn resend(
        &self,
        /// The webhook's id.
        webhook_id: Path<String>,
        /// The delivery's id: that of the event.
        delivery_id: Path<String>,
    ) -> Result<Reply<DeliveryBody>, Failure<Triggers>> {
        let delivery = self.host.resend(&webhook_id.0, &delivery_id.0).await?;
        Ok(Reply::json(&DeliveryBody::from(&delivery)))
    }
}

fn status_word(text: &str) -> Result<DeliveryStatus, Refused> {
    let all = [
        DeliveryStatus::Pending,
        DeliveryStatus::Delivered,
        DeliveryStatus::Failed,
    ];
    let found = all.into_iter().find(|status| status.as_str() == text);
    found.ok_or_else(|| {
        Refused::malformed(format!(
            "status must be pending, delivered or failed, not {text:?}"
        ))
    })
}
