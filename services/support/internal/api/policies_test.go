package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
)

const lampRules = `{"reasons":["damaged","too_small"],"default":{"window_days":30},"categories":[
	{"category":"lamps","window_days":14,"automatic":{"reasons":["damaged"],"up_to":[{"amount":2000,"currency":"EUR"}]}}]}`

// policies sets rules under which a guest's damaged lamp needs no agent, and back.
func (f *fixture) policies() {
	t := f.t
	was := f.do(200, agent, http.MethodGet, "/v1/ops/return-policies", nil)
	require.InDelta(t, 1, was["version"], 0)
	set := f.do(200, boss, http.MethodPut, "/v1/ops/return-policies", lampRules)
	require.Equal(t, set, f.do(200, agent, http.MethodGet, "/v1/ops/return-policies", nil))
	ret := f.do(201, agent, http.MethodPost, "/v1/returns", `{"order_id":"`+guests+`","lines":[{"sku":"LAMP","quantity":1,"reason":"damaged"}]}`)
	require.Equal(t, "approved", ret["status"])
	require.Equal(t, true, ret["approved_automatically"])
	path := "/v1/returns/" + ret["id"].(string)
	labelled := f.do(200, agent, http.MethodPut, path+"/label", `{"label":"PQ4","carrier":"Correos"}`)
	require.Equal(t, "Correos", labelled["carrier"])
	require.Equal(t, labelled, f.do(200, agent, http.MethodPut, path+"/label", `{"label":"PQ4","carrier":"Correos"}`))
	f.do(200, boss, http.MethodPut, "/v1/ops/return-policies", `{"reasons":["damaged","wrong_item","unwanted","other"],"default":{"window_days":30}}`)
}

// What an inspection finds is kept with the receipt; a deduction needs a reason.
func TestDeduction(t *testing.T) {
	f := open(t)
	path := "/v1/returns/" + f.request(ana)
	f.do(200, agent, http.MethodPost, path+"/approve", nil)
	for body, field := range map[string]string{
		`"deduction_percent":20`:                            "/lines/0",
		`"deduction_reason":"worn"`:                         "/lines/0",
		`"deduction_percent":0,"deduction_reason":"worn"`:   "/lines/0/deduction_percent",
		`"deduction_percent":101,"deduction_reason":"worn"`: "/lines/0/deduction_percent",
		`"deduction_percent":20,"deduction_reason":"  "`:    "/lines/0/deduction_reason",
	} {
		a := f.Do(t, contracttest.Request{Method: http.MethodPost, Path: path + "/receive", As: agent, Body: `{"lines":[{"sku":"LAMP","quantity":1,` + body + `}]}`})
		require.Equal(t, 400, a.Status, body)
		_, fields := a.Problem(t)
		require.Equal(t, []string{field}, fields, body)
	}
	worn := `{"lines":[{"sku":"LAMP","quantity":1,"restock":false,"deduction_percent":20,"deduction_reason":"worn"}]}`
	done := f.do(200, agent, http.MethodPost, path+"/receive", worn)
	require.Equal(t, done, f.do(200, agent, http.MethodPost, path+"/receive", worn))
	line := done["receipts"].([]any)[0].(map[string]any)["lines"].([]any)[0]
	require.Equal(t, map[string]any{"sku": "LAMP", "quantity": 1.0, "restock": false, "deduction_percent": 20.0, "deduction_reason": "worn"}, line)
	other := contracttest.Request{Method: http.MethodPost, Path: path + "/receive", As: agent, Body: `{"lines":[{"sku":"LAMP","quantity":1,"restock":false}]}`}
	require.Equal(t, 409, f.Do(t, other).Status)
}

func TestPolicies(t *testing.T) {
	f := open(t)
	put := func(want int, version, body, code string, fields ...string) {
		a := f.Do(t, contracttest.Request{Method: http.MethodPut, Path: "/v1/ops/return-policies", As: boss, Body: body, Header: http.Header{"If-Match": {version}}})
		require.Equal(t, want, a.Status, "%s", a.Body)
		if want != 200 {
			got, names := a.Problem(t)
			require.Equal(t, code, got)
			require.Equal(t, fields, names)
		}
	}
	put(412, `"2"`, lampRules, "version_mismatch", "If-Match")
	put(200, `"1"`, lampRules, "")
	put(412, `"1"`, lampRules, "version_mismatch", "If-Match")
	put(422, `"2"`, `{"reasons":["damaged"],"default":{"window_days":1,"automatic":{"reasons":["other"],"up_to":[{"amount":1,"currency":"EUR"}]}}}`,
		"policies_refused", "/default/automatic/reasons/0")
	put(400, `"2"`, `{"reasons":[],"default":{"window_days":3651}}`, "invalid_request", "/default/window_days", "/reasons")

	ask := func(line string) contracttest.Answer {
		return f.Do(t, contracttest.Request{Method: http.MethodPost, Path: "/v1/returns", As: ana, Body: `{"order_id":"` + delivered + `","lines":[` + line + `]}`})
	}
	refused := func(line, code, field string) {
		a := ask(line)
		require.Equal(t, 422, a.Status, "%s", a.Body)
		got, names := a.Problem(t)
		require.Equal(t, code, got)
		require.Equal(t, []string{field}, names)
	}
	refused(`{"sku":"LAMP","quantity":1,"reason":"unwanted"}`, "reason_unknown", "/lines/0/reason")
	f.shop.deliveredAt = time.Now().AddDate(0, 0, -15)
	refused(`{"sku":"LAMP","quantity":1,"reason":"damaged"}`, "return_window_over", "/lines/0/sku")
	require.Equal(t, 201, ask(`{"sku":"BULB","quantity":1,"reason":"damaged"}`).Status, "30 days for what is no lamp")
}
