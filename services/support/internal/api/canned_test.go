package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
)

// canned answers a ticket of ana's about an order with a canned reply, in
// three languages and with apps away.
func (f *fixture) canned(path string) {
	t := f.t
	one := f.do(201, agent, http.MethodPost, "/v1/canned-replies", `{"name":"hello","language":"en","texts":{"en":"Hello"}}`)
	rpath := "/v1/canned-replies/" + one["id"].(string)
	one = f.do(200, agent, http.MethodPut, rpath, `{"name":"hello","language":"en","texts":{
		"en":"Dear {customer_name}, about {order_number} ({ticket_number}):","es":"Hola, {customer_name}: {order_number}"}}`)
	require.Equal(t, one, f.do(200, agent, http.MethodGet, rpath, nil))
	require.Len(t, items(f.do(200, agent, http.MethodGet, "/v1/canned-replies", nil)), 1)

	number := f.do(200, ana, http.MethodGet, path, nil)["number"].(string)
	post := func(extra string) any {
		return f.do(201, agent, http.MethodPost, path+"/messages", `{"canned_reply_id":"`+one["id"].(string)+`"`+extra+`}`)["text"]
	}
	require.Equal(t, "Hola, X: T-0000-0001", post(""), "in the language of the order")
	require.Equal(t, "Dear X, about T-0000-0001 ("+number+"):", post(`,"language":"de"`), "in the reply's own")
	f.shop.away(true, true)
	require.Equal(t, "Hola, cliente: "+delivered, post(`,"language":"es"`))
	f.shop.away(false, false)

	a := f.Do(t, contracttest.Request{Method: http.MethodDelete, Path: rpath, As: agent, Header: http.Header{"If-Match": {`"2"`}}})
	require.Equal(t, 204, a.Status)
	f.do(404, agent, http.MethodGet, rpath, nil)
	require.Empty(t, items(f.do(200, agent, http.MethodGet, "/v1/canned-replies", nil)))
}

func TestCannedReplyVersions(t *testing.T) {
	f := open(t)
	body := `{"name":"n","language":"es","texts":{"es":"` + strings.Repeat("{order_number}", 280) + `"}}`
	path := "/v1/canned-replies/" + f.do(201, agent, http.MethodPost, "/v1/canned-replies", body)["id"].(string)
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		in := contracttest.Request{Method: method, Path: path, As: agent, Header: http.Header{"If-Match": {`"7"`}}}
		if method == http.MethodPut {
			in.Body = body
		}
		require.Equal(t, 412, f.Do(t, in).Status)
	}
	use := `{"canned_reply_id":"` + path[len("/v1/canned-replies/"):] + `"}`
	of := f.do(201, ana, http.MethodPost, "/v1/tickets", `{"subject":"s","message":"m","order_id":"`+delivered+`"}`)["id"].(string)
	f.do(201, agent, http.MethodPost, "/v1/tickets/"+of+"/messages", use)
	f.shop.away(true, false) // the order's ID is longer than its number
	require.Equal(t, "text_too_long", f.do(422, agent, http.MethodPost, "/v1/tickets/"+of+"/messages", use)["code"])
	f.shop.away(false, false)
	require.Equal(t, "text_blank", f.do(422, agent, http.MethodPost, "/v1/tickets/"+f.open(ana)+"/messages", use)["code"], "a ticket without an order")
}
