// A client of the shop that knows nothing but its URL: everything else it finds
// in the discovery document. It uses the usual libraries and no code of ours.
//
//   node client.mjs <url> <e-mail> <password> <client id> <client secret>
//
// It prints a line of JSON when it is ready for the keys to be rotated, goes on
// until it has seen a new key sign, and prints what it saw. Whatever is not as it
// should be ends it with an error.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import * as jose from 'jose'
import * as oauth from 'openid-client'

const [url, email, password, machine, secret] = process.argv.slice(2)
const plain = { execute: [oauth.allowInsecureRequests] } // http, on loopback
const deadline = Date.now() + 60_000

const shop = await oauth.discovery(new URL(url), 'tienda', undefined, oauth.None(), plain)
const about = shop.serverMetadata()
assert.equal(about.issuer, url)
assert.deepEqual(about.grant_types_supported, ['password', 'refresh_token', 'client_credentials'])

// The keys are kept for as long as the shop allows, as a careful client does.
const published = await fetch(about.jwks_uri)
const kept = 1000 * Number(/max-age=(\d+)/.exec(published.headers.get('cache-control'))[1])
const unchanged = await fetch(about.jwks_uri, { headers: { 'if-none-match': published.headers.get('etag') } })
assert.equal(unchanged.status, 304)
const keys = jose.createRemoteJWKSet(new URL(about.jwks_uri), { cacheMaxAge: kept, cooldownDuration: kept })
const check = (token) => jose.jwtVerify(token, keys, {
  issuer: about.issuer, audience: 'tienda', typ: 'at+jwt', algorithms: about.id_token_signing_alg_values_supported,
  requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp', 'client_id'],
})

let tokens = await oauth.genericGrantRequest(shop, 'password', { username: email, password })
const first = await check(tokens.access_token)
assert.equal(first.payload.client_id, 'tienda')
assert.deepEqual(first.payload.roles, ['customer'])
await assert.rejects(jose.jwtVerify(tokens.access_token, keys, { audience: 'another' }))
await assert.rejects(check(tokens.access_token.slice(0, -6) + 'AAAAAA'))

const me = async () => {
  const r = await fetch(new URL('/v1/me', url), { headers: { authorization: `Bearer ${tokens.access_token}` } })
  assert.equal(r.status, 200, await r.clone().text())
  return r.json()
}
assert.equal((await me()).email, email)

const used = tokens.refresh_token
tokens = await oauth.refreshTokenGrant(shop, used)
assert.notEqual(tokens.refresh_token, used)
assert.equal((await check(tokens.access_token)).payload.sid, first.payload.sid)
await assert.rejects(oauth.refreshTokenGrant(shop, used))

const program = await oauth.discovery(new URL(url), machine, undefined, oauth.ClientSecretPost(secret), plain)
const granted = await oauth.clientCredentialsGrant(program, { scope: 'users:read' })
assert.equal(granted.refresh_token, undefined)
const account = await check(granted.access_token)
assert.deepEqual([account.payload.sub, account.payload.client_id, account.payload.scope], [machine, machine, 'users:read'])

const kid = first.protectedHeader.kid
console.log(JSON.stringify({ ready: true, kid, kept }))

let refreshes = 0
let last
do {
  assert.ok(Date.now() < deadline, 'no other key has signed')
  tokens = await oauth.refreshTokenGrant(shop, tokens.refresh_token)
  last = await check(tokens.access_token)
  assert.equal((await me()).email, email)
  refreshes++
  await pause(100)
} while (last.protectedHeader.kid === kid)
console.log(JSON.stringify({ done: true, kid: last.protectedHeader.kid, refreshes }))
