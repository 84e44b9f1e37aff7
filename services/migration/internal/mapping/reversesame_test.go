package mapping_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Which differences between the monolith's document and the shop's are none, since writing back
// makes them the same.
func TestWhatIsTheSameInTheRows(t *testing.T) {
	m := load(t, back(`
values:
  mail: {enum: /email, values: {resolved: A, answered: A, open: O}}
  title: {local: /name, zone: Europe/Madrid}
  made: /made
  who: {key: /who, of: users}
  paid: {money: /paid, default: "0"}
insert: INSERT INTO t (mail, title, made, who, paid) VALUES (:mail, :title, :made, :who, :paid) RETURNING id
write:
  - each: /lines
    values: {at: {local: /at, zone: Europe/Madrid}, text: /text}
    do: ["INSERT INTO l (at, body) VALUES (:at, :text)"]
lost: {/note: none, "/lines/*/seen": none}
`))
	r := m.Kinds()[0].Reverse()
	for _, c := range []struct {
		pointer, monolith, shop string
		onlyShop, sameRow       bool
	}{
		{"/email", `{"email":"answered"}`, `{"email":"resolved"}`, false, true},
		{"/email", `{"email":"open"}`, `{"email":"resolved"}`, false, false},
		{"/email", `{"email":"open"}`, `{"email":"else"}`, false, false},
		{"/email", `{}`, `{"email":"open"}`, false, false},
		{"/name", `{"name":"2026-01-01T10:00:00.123456Z"}`, `{"name":"2026-01-01T10:00:00.123456789Z"}`, false, true},
		{"/name", `{"name":"2026-01-01T10:00:00.123456Z"}`, `{"name":"2026-01-01T10:00:00.123457Z"}`, false, false},
		{"/made", `{"made":"2026-01-01T10:00:00.123457Z"}`, `{"made":"2026-01-01T10:00:00.123456789Z"}`, false, true},
		{"/made", `{"made":"2026-01-01T10:00:00.123457Z"}`, `{"made":"2026-01-01T10:00:01Z"}`, false, false},
		{"/made", `{"made":"a"}`, `{"made":"b"}`, false, false},
		{"/who", `{}`, `{"who":"an ID without a row"}`, false, true},
		{"/who", `{"who":"one"}`, `{"who":"another"}`, false, false},
		{"/paid", `{"paid":{"amount":0,"currency":"EUR"}}`, `{}`, false, true},
		{"/paid", `{"paid":{"amount":1,"currency":"EUR"}}`, `{}`, false, false},
		{"/note", `{}`, `{"note":"x"}`, true, false},
		{"/note", `{"note":"y"}`, `{"note":"x"}`, false, false},
		{"/lines/1/seen", `{"lines":[{},{}]}`, `{"lines":[{},{"seen":1}]}`, true, false},
		{"/lines/0/at", `{"lines":[{"at":"2026-01-01T10:00:00Z"}]}`, `{"lines":[{"at":"2026-01-01T10:00:00.0000001Z"}]}`, false, true},
		{"/lines/0/text", `{"lines":[{"text":"a"}]}`, `{"lines":[{"text":"b"}]}`, false, false},
		{"/unknown", `{}`, `{"unknown":1}`, false, false},
	} {
		require.Equal(t, c.onlyShop, r.OnlyShop(c.pointer, json.RawMessage(c.monolith)), "%+v", c)
		require.Equal(t, c.sameRow, r.SameRow(c.pointer, json.RawMessage(c.monolith), json.RawMessage(c.shop)), "%+v", c)
	}
}
