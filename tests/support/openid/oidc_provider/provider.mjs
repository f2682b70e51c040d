// A certified OpenID provider on loopback: `node provider.mjs PORT CALLBACK...`. Each login is a person of that name:
// kim is in the group `mail-admins`, ann in `helpdesk`, and all others in none.
import Provider from "oidc-provider";

const [port, ...callbacks] = process.argv.slice(2);
const GROUPS = { kim: ["everybody", "mail-admins"], ann: ["helpdesk"] };

const client = (id, more) => ({
  client_id: id,
  client_secret: "a secret, with signs: +/=%",
  redirect_uris: callbacks,
  post_logout_redirect_uris: callbacks.map((one) => new URL("/console/sign-in", one).href),
  grant_types: ["authorization_code"],
  response_types: ["code"],
  ...more,
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    client("postern"),
    client("public", { client_secret: undefined, token_endpoint_auth_method: "none" }),
  ],
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email", "email_verified"] },
  pkce: { required: () => true },
  cookies: { keys: ["only for tests"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: `subject-of-${id}`,
      preferred_username: `${id}@example.com`,
      email: `${id}@example.com`,
      email_verified: true,
      groups: GROUPS[id] ?? [],
    }),
  }),
});

provider.listen(Number(port), "127.0.0.1");
