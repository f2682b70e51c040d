// An application on Node as it is: each line of the input is an email to send, each line of the output what became of
// it. Changed are host, port, user and password.
import { createInterface } from "node:readline";
import nodemailer from "nodemailer";

for await (const line of createInterface({ input: process.stdin })) {
  const { host, port, user, pass, sender: from, to, subject, size } = JSON.parse(line);
  const transport = nodemailer.createTransport({ host, port, requireTLS: true, auth: { user, pass } });
  const attachments = size ? [{ filename: "large.txt", content: Buffer.alloc((size / 4) * 3) }] : [];
  try {
    const sent = await transport.sendMail({ from, to, subject, text: "Come and see.", attachments });
    console.log(JSON.stringify({ said: sent.response }));
  } catch ({ code, message }) {
    console.log(JSON.stringify({ error: `${code}: ${message}` }));
  }
}
