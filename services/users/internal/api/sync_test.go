package api

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	source "tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/services/users/internal/account"
)

var (
	mover     = caller.Caller{App: "migration"}
	senderKey = []byte("a key that users never has")
)

const syncPath = "/internal/v1/sync/users"

// idOf gives the ID that a migration derives of a row.
func idOf(key string) string { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(key)).String() }

// row is a document as it is sent; nil: the row is gone.
func row(key string, position int, doc obj) obj {
	d := obj{"id": idOf(key), "source": obj{"key": key, "position": position}, "deleted": doc == nil}
	if doc != nil {
		d["document"] = doc
	}
	return d
}

// hashed gives a document with the legacy hash of a password.
func hashed(doc obj, password string) obj {
	sum := sha1.Sum([]byte(password))
	hash := hex.EncodeToString(sum[:])
	doc = maps.Clone(doc)
	doc["password_hash"] = obj{"format": "sha1", "hash": hash}
	doc["password_digest"] = source.Digest(senderKey, "sha1", "before", hash, "")
	return doc
}

func (s *service) move(t *testing.T, rows ...obj) []intake.Result {
	t.Helper()
	a := s.call(t, mover, "POST", syncPath, obj{"part": "0", "documents": rows})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	var out struct {
		Results []intake.Result `json:"results"`
	}
	a.JSON(t, &out)
	require.Len(t, out.Results, len(rows))
	return out.Results
}

// taken moves one document in, which must be stored.
func (s *service) taken(t *testing.T, key string, position int, doc obj) caller.Caller {
	t.Helper()
	r := s.move(t, row(key, position, doc))[0]
	require.Equal(t, intake.Stored, r.Outcome, "%+v", r.Problem)
	return caller.Caller{UserID: idOf(key), Roles: []caller.Role{caller.Customer}}
}

// rejected moves one document in, which must be rejected, and gives the code and the field.
func (s *service) rejected(t *testing.T, key string, position int, doc obj) (code, field string) {
	t.Helper()
	r := s.move(t, row(key, position, doc))[0]
	require.Equal(t, intake.Rejected, r.Outcome)
	if len(r.Problem.Fields) > 0 {
		field = r.Problem.Fields[0].Name
	}
	return r.Problem.Code, field
}

// held gives the documents that are kept, by ID.
func (s *service) held(t *testing.T, keys ...string) map[string]obj {
	t.Helper()
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = idOf(k)
	}
	out := map[string]obj{}
	for _, d := range s.ok(t, mover, "POST", syncPath+"/read", obj{"ids": ids}, 200)["documents"].([]any) {
		out[d.(obj)["id"].(string)] = d.(obj)["document"].(obj)
	}
	return out
}

func (s *service) listed(t *testing.T) (ids []any) {
	t.Helper()
	for cursor := ""; ; {
		list := s.ok(t, mover, "GET", syncPath+cursor, nil, 200)
		ids = append(ids, list["ids"].([]any)...)
		next, more := list["next_cursor"].(string)
		if !more {
			return ids
		}
		cursor = "?cursor=" + next
	}
}

func (s *service) search(t *testing.T, q string) int {
	t.Helper()
	require.NoError(t, s.directory.Refresh(t.Context()))
	return len(s.ok(t, admin, "GET", "/v1/users?q="+q, nil, 200)["items"].([]any))
}

// asJSON gives a document as it is after a way over the wire.
func asJSON(t *testing.T, doc obj) (out obj) {
	t.Helper()
	raw, err := json.Marshal(doc)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &out))
	return out
}

func whole() obj {
	return obj{
		"email": "Ana.Old@Example.com", "name": " Ana ", "roles": []string{"admin", "customer"},
		"preferences": obj{"currency": "USD", "language": "es", "marketing_mail": true},
		"addresses":   []obj{madrid(), {"name": "Work", "line1": "1", "line2": "", "city": "C", "postal_code": "1", "country": "FR"}},
		"created_at":  "2019-03-01T10:00:00.50+02:00", "status": "active",
	}
}

func TestOnlyTheMigrationMovesIn(t *testing.T) {
	s := newService(t)
	batch := obj{"part": "0", "documents": []obj{row("users:1", 1, obj{"email": "a@example.com", "name": "A"})}}
	for _, r := range []contracttest.Request{
		{Method: "POST", Path: syncPath, Body: batch}, {Method: "POST", Path: syncPath + "/read", Body: obj{"ids": []string{uuid.NewString()}}}, {Method: "GET", Path: syncPath},
	} {
		for _, who := range []caller.Caller{nobody, admin, agent, machineOfAll, {App: "gateway"}, {App: "orders"}, {App: "users"}} {
			r.As = who
			require.Equal(t, 403, s.Do(t, r).Status, "%s %s %+v", r.Method, r.Path, who)
		}
		r.As, r.NoToken = mover, true
		require.Equal(t, 403, s.Do(t, r).Status)
		r.NoToken = false
		require.Equal(t, 200, s.Do(t, r).Status)
	}
}

func TestTheNewerStateOfAnAccountWins(t *testing.T) {
	s := newService(t)
	doc := func(name string) obj { return obj{"email": "a@example.com", "name": name} }
	outcome := func(position int, d obj) intake.Outcome { return s.move(t, row("users:1", position, d))[0].Outcome }
	name := func() any { return s.held(t, "users:1")[idOf("users:1")]["name"] }
	require.Equal(t, intake.Stored, outcome(5, doc("five")))
	require.Equal(t, intake.Stale, outcome(4, doc("four")))
	require.Equal(t, intake.Stale, outcome(4, nil))
	require.Equal(t, "five", name())
	require.Equal(t, intake.Stored, outcome(5, doc("five again")))
	require.Equal(t, "five again", name())
	require.Equal(t, []any{idOf("users:1")}, s.listed(t))
	require.Equal(t, intake.Stored, outcome(7, nil))
	require.Nil(t, name())
	require.Empty(t, s.listed(t))
	require.Equal(t, intake.Stale, outcome(6, doc("six")))
	require.Nil(t, name(), "what is gone stays gone")
	require.Equal(t, intake.Stored, outcome(8, doc("eight")))
	require.Equal(t, "eight", name())
	require.Equal(t, 1, s.search(t, "eight"), "it is listed again")
}

// An account that was moved in is found, shown, changed and signed in to as any other.
func TestAMovedAccountIsLikeAnyOther(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.taken(t, "users:1", 1, hashed(whole(), "her old password"))
	require.Empty(t, s.events.Types(), "nobody elsewhere hears of it")
	require.Empty(t, s.store.Keys("mail:"), "and nobody is written to")
	require.Equal(t, []any{"Ana", "ana.old@example.com", "2019-03-01T08:00:00.5Z", []any{"customer", "admin"}}, func() []any {
		u := s.ok(t, agent, "GET", "/v1/users/"+ana.UserID, nil, 200)
		return []any{u["name"], u["email"], u["created_at"], u["roles"]}
	}())
	require.Equal(t, 1, s.search(t, "ana.old"))
	require.Equal(t, 1, s.search(t, "ana&role=admin"))
	require.Equal(t, []string{"roles_changed"}, kinds(s.ok(t, ana, "GET", "/v1/me/security-events", nil, 200)), "the trail tells of roles of staff")
	require.Equal(t, "users:1", s.ok(t, ana, "GET", "/v1/me/export", nil, 200)["external_id"])
	checkout := s.ok(t, caller.Caller{App: "orders"}, "GET", "/internal/v1/users/"+ana.UserID+"/checkout", nil, 200)
	require.Equal(t, "Calle Mayor 12", checkout["address"].(obj)["line1"])
	require.Equal(t, "USD", checkout["preferences"].(obj)["currency"])
	s.ok(t, nobody, "POST", "/v1/auth/token", grant("ana.old@example.com", obj{"password": "her old password"}), 200)
	require.Equal(t, "email_taken", s.refuse(t, nobody, "POST", "/v1/users", obj{"email": "ana.old@example.com", "password": "a good password", "name": "X"}, 409))

	require.Equal(t, "Anna", s.ok(t, ana, "PATCH", "/v1/me", obj{"name": "Anna"}, 200)["name"])
	require.Equal(t, 1, s.search(t, "anna"), "the list of accounts is kept")
	s.ok(t, ana, "POST", "/v1/me/addresses", madrid(), 201)
	s.ok(t, admin, "POST", "/v1/users/"+ana.UserID+"/disable", obj{"reason": "x"}, 403) // only an admin of the store takes another one away

	// As the source has it once more, with one thing changed there.
	doc := whole()
	doc["email"], doc["roles"] = "ana@example.com", []string{}
	s.taken(t, "users:1", 2, hashed(doc, "her old password"))
	require.Zero(t, s.search(t, "anna"))
	require.Equal(t, 1, s.search(t, "ana@example.com"))
	require.Len(t, s.ok(t, ana, "GET", "/v1/me/addresses", nil, 200)["items"], 2, "addresses that were added here go")
	require.Len(t, s.store.Keys("email:"), 1, "the old e-mail is given up")
	s.register(t, "ana.old@example.com")
	s.ok(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"password": "her old password"}), 200)

	s.taken(t, "users:1", 3, nil)
	for _, prefix := range []string{"user:" + ana.UserID, "factor:" + ana.UserID} {
		require.Empty(t, s.store.Keys(prefix))
	}
	require.Len(t, s.store.Keys("email:"), 1, "that of who registered")
	require.Equal(t, 404, s.call(t, agent, "GET", "/v1/users/"+ana.UserID, nil).Status)
	require.Zero(t, s.search(t, "ana@example.com"))
	require.Empty(t, s.held(t, "users:1"))
	s.register(t, "ana@example.com")
}

func TestWhatWasMadeHereIsNotTakenOver(t *testing.T) {
	s := newService(t)
	eva := s.register(t, "eva@example.com")
	code, field := s.rejected(t, "users:1", 1, obj{"email": "EVA@example.com", "name": "E"})
	require.Equal(t, []string{"email_registered", "/email"}, []string{code, field})
	own := row("users:1", 1, obj{"email": "other@example.com", "name": "E"})
	own["id"] = eva.UserID
	require.Equal(t, "made_here", s.move(t, own)[0].Problem.Code)
	gone := row("users:1", 2, nil)
	gone["id"] = eva.UserID
	s.move(t, gone)
	require.Equal(t, "eva@example.com", s.ok(t, eva, "GET", "/v1/me", nil, 200)["email"], "nor taken away")

	s.taken(t, "users:2", 1, obj{"email": "ben@example.com", "name": "B"})
	code, _ = s.rejected(t, "users:3", 1, obj{"email": "ben@example.com", "name": "C"})
	require.Equal(t, "email_taken", code)
	results := s.move(t, row("users:2", 2, obj{"email": "ben.new@example.com", "name": "B"}), row("users:3", 1, obj{"email": "ben@example.com", "name": "C"}))
	require.Equal(t, []intake.Outcome{intake.Stored, intake.Stored}, []intake.Outcome{results[0].Outcome, results[1].Outcome}, "the claim has moved")
}

func TestAnErasedAccountIsNotBroughtBack(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	doc := hashed(obj{"email": "ana@example.com", "name": "A"}, "a good password")
	ana := s.taken(t, "users:1", 1, doc)
	s.ok(t, ana, "POST", "/v1/me/delete", obj{"password": "a good password"}, 204)
	require.Empty(t, s.held(t, "users:1"))
	for _, position := range []int{1, 2} {
		code, _ := s.rejected(t, "users:1", position, doc)
		require.Equal(t, "account_deleted", code)
	}
	s.taken(t, "users:1", 3, nil)
	code, _ := s.rejected(t, "users:1", 4, doc)
	require.Equal(t, "account_deleted", code, "not by way of a deletion either")
	require.Contains(t, s.ok(t, agent, "GET", "/v1/users/"+ana.UserID, nil, 200), "deleted_at")
	s.register(t, "ana@example.com")
}

func TestValuesThatCannotBeMovedIn(t *testing.T) {
	s := newService(t)
	doc := func(more obj) obj {
		d := obj{"email": "a@example.com", "name": "A"}
		maps.Copy(d, more)
		return d
	}
	hash := obj{"format": "sha1", "hash": "abc"}
	tests := []struct {
		more        obj
		code, field string
	}{
		{obj{"password": "secret"}, "invalid_request", "/password"},
		{obj{"password_hash": hash}, "invalid_request", ""},
		{obj{"password_digest": source.Digest(senderKey)}, "invalid_request", ""},
		{obj{"password_hash": hash, "password_digest": source.Digest(senderKey)}, "invalid_value", "/password_hash/hash"},
		{obj{"name": nil}, "invalid_request", "/name"},
		{obj{"email": "a@b@example.com"}, "invalid_request", "/email"},
		{obj{"email": "a,b@example.com"}, "invalid_value", "/email"},
		{obj{"created_at": "2019-02-30T10:00:00Z"}, "invalid_request", "/created_at"},
		{obj{"preferences": obj{"currency": "XXQ", "language": "es"}}, "invalid_value", "/preferences/currency"},
		{obj{"addresses": []obj{{"name": "A", "line1": "1", "city": "C", "postal_code": "1", "country": "QX"}}}, "invalid_value", "/addresses/0/country"},
		{obj{"status": "gone"}, "invalid_request", "/status"},
	}
	for _, tt := range tests {
		code, field := s.rejected(t, "users:1", 1, doc(tt.more))
		require.Equal(t, []string{tt.code, tt.field}, []string{code, field}, "%v", tt.more)
	}
	require.Empty(t, s.store.Keys("user:"))
	require.Empty(t, s.listed(t))
}

// passwordOf says which password signs in to ana@example.com.
func (s *service) passwordOf(t *testing.T, tries ...string) (good string) {
	t.Helper()
	for _, p := range tries {
		if s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"password": p})).Status == 200 {
			return p
		}
	}
	return ""
}

func TestAMovedPassword(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	counted := &wraps{Hasher: s.hasher}
	s.hasher = counted
	s.serve(t)
	doc := obj{"email": "ana@example.com", "name": "A"}
	tries := []string{"the first one", "the second one", "one of her own"}
	ana := s.taken(t, "users:1", 1, hashed(doc, tries[0]))
	digest := s.held(t, "users:1")[ana.UserID]["password_digest"]
	require.Equal(t, hashed(doc, tries[0])["password_digest"], digest)
	s.taken(t, "users:1", 2, hashed(doc, tries[0]))
	require.EqualValues(t, 1, counted.n.Load(), "a hash that is held is not made again")
	require.Equal(t, tries[0], s.passwordOf(t, tries...))
	require.Equal(t, digest, s.held(t, "users:1")[ana.UserID]["password_digest"], "the hash has become ours, the password is the same")

	renew := func(session obj) int {
		return s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": session["refresh_token"]}).Status
	}
	session := s.ok(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"password": tries[0]}), 200)
	s.taken(t, "users:1", 3, hashed(obj{"email": "ana@example.com", "name": "Ana"}, tries[0]))
	require.Equal(t, 200, renew(session), "another name ends nothing")
	session = s.ok(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"password": tries[0]}), 200)
	s.pass(t, time.Second)
	s.taken(t, "users:1", 4, hashed(doc, tries[1]))
	require.Equal(t, 401, renew(session), "the sessions of who knew the old one have ended")
	require.Contains(t, s.ok(t, caller.Caller{App: "gateway"}, "GET", "/internal/v1/revocations", nil, 200)["sessions"], session["session_id"])
	require.Equal(t, tries[1], s.passwordOf(t, tries...))

	s.ok(t, ana, "POST", "/v1/me/password", obj{"current_password": tries[1], "new_password": tries[2]}, 204)
	require.NotContains(t, s.held(t, "users:1")[ana.UserID], "password_digest", "what was changed here shows")
	s.taken(t, "users:1", 5, hashed(doc, tries[1]))
	require.Equal(t, tries[2], s.passwordOf(t, tries...), "an unchanged one does not touch what its owner has set here")
	s.taken(t, "users:1", 6, hashed(doc, tries[0]))
	require.Equal(t, tries[0], s.passwordOf(t, tries...), "a changed one does")
	require.Contains(t, s.held(t, "users:1")[ana.UserID], "password_digest")

	results := s.move(t, row("users:1", 7, hashed(doc, tries[1])), row("users:1", 8, hashed(doc, tries[0])))
	require.Equal(t, intake.Stored, results[1].Outcome)
	require.Equal(t, tries[0], s.passwordOf(t, tries...), "there and back in one batch")
	s.taken(t, "users:1", 9, doc)
	require.Empty(t, s.passwordOf(t, tries...), "the source has none any more")
	weak := hashed(doc, tries[0])["password_hash"].(obj)["hash"].(string)
	for _, item := range s.snapshot(t) {
		require.NotContains(t, string(item.Value), weak)
	}
}

// What is disabled in the source, or has lost a role there, is so here at once.
func TestRightsFollowTheSource(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	doc := hashed(obj{"email": "ana@example.com", "name": "A", "roles": []string{"support_agent"}}, "a good password")
	ana := s.taken(t, "users:1", 1, doc)
	session := s.signIn(t, "ana@example.com")
	delete(doc, "roles")
	s.taken(t, "users:1", 2, doc)
	revoked := s.ok(t, caller.Caller{App: "gateway"}, "GET", "/internal/v1/revocations", nil, 200)["sessions"]
	require.Contains(t, revoked, session["session_id"])
	session = s.signIn(t, "ana@example.com")
	doc["status"] = "disabled"
	s.taken(t, "users:1", 3, doc)
	require.Equal(t, 403, s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil)).Status)
	require.Equal(t, 401, s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": session["refresh_token"]}).Status)
	require.Equal(t, 1, s.search(t, "ana&disabled=true"))
	delete(doc, "status")
	s.taken(t, "users:1", 4, doc)
	s.signIn(t, "ana@example.com")
	list := s.ok(t, ana, "GET", "/v1/me/security-events", nil, 200)
	require.Equal(t, []string{"signed_in", "enabled", "disabled", "signed_in", "roles_changed", "signed_in", "roles_changed"}, kinds(list))
	trail := s.ok(t, admin, "GET", "/v1/ops/audit?user_id="+ana.UserID, nil, 200)["items"].([]any)
	require.Equal(t, "migration", trail[1].(obj)["actor_id"])
	require.Equal(t, []string{"tienda.users.session_revoked", "tienda.users.session_revoked"}, s.events.Types())
}

func TestMarketingMailOfTheSource(t *testing.T) {
	s := newService(t)
	doc := obj{"email": "ana@example.com", "name": "A", "preferences": obj{"currency": "EUR", "language": "en", "marketing_mail": true}}
	ana := s.taken(t, "users:1", 1, doc)
	require.NotContains(t, s.ok(t, ana, "GET", "/v1/me/preferences", nil, 200), "marketing_mail_at", "when that was is not known")
	doc["preferences"] = obj{"currency": "EUR", "language": "en"}
	s.taken(t, "users:1", 2, doc)
	prefs := s.ok(t, ana, "GET", "/v1/me/preferences", nil, 200)
	require.Equal(t, false, prefs["marketing_mail"])
	require.Contains(t, prefs, "marketing_mail_at")
	require.Equal(t, []string{"consent_withdrawn"}, kinds(s.ok(t, ana, "GET", "/v1/me/security-events", nil, 200)))
}

var _ account.Hasher = (*wraps)(nil)
