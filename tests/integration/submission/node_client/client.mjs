// Resend's client for Node, unchanged: RESEND_BASE_URL and RESEND_API_KEY alone send it to this gateway.
// Prints one JSON object with what each call returned.
import { Resend } from "resend";

const postern = new Resend();
const email = {
  from: "Invites <invites@example.com>",
  to: ["ann@example.com"],
  subject: "You are invited",
  html: "<p>Come and see.</p>",
  replyTo: "help@example.com",
  tags: [{ name: "campaign", value: "spring" }],
  attachments: [{ filename: "a.txt", content: Buffer.from("hello") }],
};
const options = { idempotencyKey: "invite/7" };
const sent = await postern.emails.send(email, options);
const again = await postern.emails.send(email, options);
const found = await postern.emails.get(sent.data.id);
const later = await postern.emails.send({ ...email, scheduledAt: "in 2 hours" });
const canceled = await postern.emails.cancel(later.data.id);
const batch = await postern.batch.send([email, { ...email, to: "bob@example.com" }]);
const refused = await postern.emails.send({ ...email, to: "ann@@example.com" });
const unserved = await postern.segments.list();
console.log(JSON.stringify({ sent, again, found, canceled, batch, refused, unserved }));
