// Applications on Node as they are: each line of the input is an email to send by one of the clients, or an address to
// suppress for a moment; each line of the output is what became of it. Endpoint, region and key are in the environment, as AWS's SDK reads it.
import { createInterface } from "node:readline";
import { SESClient, SendEmailCommand as SendEmailV1, SendRawEmailCommand } from "@aws-sdk/client-ses";
import {
  DeleteSuppressedDestinationCommand,
  GetAccountCommand,
  GetSuppressedDestinationCommand,
  PutSuppressedDestinationCommand,
  SESv2Client,
  SendEmailCommand,
  paginateListSuppressedDestinations,
} from "@aws-sdk/client-sesv2";
import nodemailer from "nodemailer";

const CLIENTS = {
  sesv2: async ({ sender: from, to, subject, size }) => {
    const content = size
      ? { Raw: { Data: large({ from, to, subject, size }) } }
      : { Simple: { Subject: { Data: subject }, Body: { Text: { Data: "Come and see." } } } };
    const command = { FromEmailAddress: from, Destination: { ToAddresses: [to] }, Content: content };
    return (await new SESv2Client().send(new SendEmailCommand(command))).MessageId;
  },
  ses: async ({ sender: from, to, subject, size }) => {
    if (size) {
      const raw = { RawMessage: { Data: large({ from, to, subject, size }) } };
      return (await new SESClient().send(new SendRawEmailCommand(raw))).MessageId;
    }
    const message = { Subject: { Data: subject }, Body: { Text: { Data: "Come and see." } } };
    const command = { Source: from, Destination: { ToAddresses: [to] }, Message: message };
    return (await new SESClient().send(new SendEmailV1(command))).MessageId;
  },
  nodemailer: async ({ sender: from, to, subject, size }) => {
    const transport = nodemailer.createTransport({ SES: { sesClient: new SESv2Client(), SendEmailCommand } });
    const attachments = size ? [{ filename: "large.txt", content: Buffer.alloc((size / 4) * 3) }] : [];
    const sent = await transport.sendMail({ from, to, subject, text: "Come and see.", attachments });
    return sent.response;
  },
  "suppression list": async ({ to }) => {
    const client = new SESv2Client();
    const one = { EmailAddress: to };
    await client.send(new PutSuppressedDestinationCommand({ ...one, Reason: "COMPLAINT" }));
    const { SuppressedDestination: found } = await client.send(new GetSuppressedDestinationCommand(one));
    const listed = [];
    for await (const page of paginateListSuppressedDestinations({ client, pageSize: 1 }, {})) {
      listed.push(...page.SuppressedDestinationSummaries.map(({ EmailAddress }) => EmailAddress));
    }
    await client.send(new DeleteSuppressedDestinationCommand(one));
    const { SendQuota } = await client.send(new GetAccountCommand());
    return [found.Reason, found.LastUpdateTime.getFullYear(), listed.includes(to), SendQuota.Max24HourSend].join(" ");
  },
};

const large = ({ from, to, subject, size }) =>
  Buffer.from(`From: ${from}\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\n${`${"x".repeat(898)}\r\n`.repeat(size / 900)}`);

for await (const line of createInterface({ input: process.stdin })) {
  const { client, key, ...email } = JSON.parse(line);
  process.env.AWS_ACCESS_KEY_ID = key[0];
  process.env.AWS_SECRET_ACCESS_KEY = key[1];
  try {
    console.log(JSON.stringify({ id: await CLIENTS[client](email) }));
  } catch (error) {
    const { httpStatusCode, attempts } = error.$metadata ?? {};
    const { name, message } = error;
    console.log(JSON.stringify({ error: name, message, status: httpStatusCode, attempts }));
  }
}
