package contracttest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/deadletter"
)

// TryDeadLetters tries every operation on the dead letters of an app. Its
// handler of the topic has to refuse an event of the type whose data are null.
func (s *Server) TryDeadLetters(t testing.TB, app, topic, refused string) {
	t.Helper()
	admin := caller.Caller{UserID: "0198d2a0-0000-7000-8000-0000000000ad", Roles: []caller.Role{caller.Admin}}
	path := deadletter.Path(app)
	bad := s.deadLetter(t, admin, path, topic, refused)
	good := s.deadLetter(t, admin, path, topic, "tienda."+topic+".of_no_interest")
	require.NotEqual(t, bad.ID, good.ID)
	require.Equal(t, "invalid_request", bad.Reason.Code, "the reason is that of the delivery")
	require.Nil(t, good.Reason)

	one := func(want int, method, path string) (v deadletter.View) {
		a := s.Do(t, Request{Method: method, Path: path, As: admin})
		require.Equal(t, want, a.Status, "%s %s: %s", method, path, a.Body)
		a.JSON(t, &v)
		return v
	}
	require.Contains(t, string(one(200, "GET", path+"/"+bad.ID).Event), refused)
	one(422, "POST", path+"/"+bad.ID+"/replay")
	require.Equal(t, 1, one(200, "GET", path+"/"+bad.ID).Replays)
	require.Equal(t, deadletter.Replayed, one(200, "POST", path+"/"+good.ID+"/replay").State)
	one(409, "POST", path+"/"+good.ID+"/replay")
	require.Equal(t, admin.UserID, one(200, "POST", path+"/"+bad.ID+"/discard").SettledBy)
	one(409, "POST", path+"/"+bad.ID+"/discard")
	missing := "0198d2a0-ffff-7000-8000-000000000000"
	for _, r := range [][2]string{
		{"GET", path}, {"GET", path + "/" + missing}, {"POST", path + "/" + missing + "/replay"}, {"POST", path + "/" + missing + "/discard"},
	} {
		if r[1] != path {
			one(404, r[0], r[1])
		}
		staff := caller.Caller{UserID: admin.UserID, Roles: []caller.Role{caller.SupportAgent, caller.CatalogManager, caller.Customer}}
		require.Equal(t, http.StatusForbidden, s.Do(t, Request{Method: r[0], Path: r[1], As: staff}).Status, r[1])
		require.Equal(t, http.StatusUnauthorized, s.Do(t, Request{Method: r[0], Path: r[1]}).Status, r[1])
	}
	for _, query := range []string{"?state=lost", "?limit=0", "?cursor=!"} {
		one(400, "GET", path+query)
	}
	require.Equal(t, http.StatusForbidden, s.Do(t, Request{
		Method: "POST", Path: "/events/deadletter", NoToken: true, ContentType: "application/cloudevents+json", Body: "{}",
	}).Status)
}

// deadLetter delivers an event as the sidecar does, first to the app and then,
// whatever the app said, as a dead letter; and gives the letter.
func (s *Server) deadLetter(t testing.TB, admin caller.Caller, path, topic, kind string) deadletter.View {
	t.Helper()
	event := fmt.Sprintf(`{"specversion":"1.0","id":"%s","source":"%s","type":"%s","topic":"%s","pubsubname":"events-%s","data":null}`,
		kind, topic, kind, topic, topic)
	s.Do(t, Request{Method: "POST", Path: "/events/" + topic, ContentType: "application/cloudevents+json", Body: event})
	raw := fmt.Sprintf(`{"specversion":"1.0","id":"x","source":"Dapr","type":"com.dapr.event.sent","data_base64":"%s"}`,
		base64.StdEncoding.EncodeToString([]byte(event)))
	a := s.Do(t, Request{Method: "POST", Path: "/events/deadletter", ContentType: "application/cloudevents+json", Body: raw})
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	var list deadletter.List
	s.Do(t, Request{Method: "GET", Path: path + "?state=waiting&limit=1", As: admin}).JSON(t, &list)
	require.Len(t, list.Items, 1)
	v := list.Items[0]
	require.Equal(t, []string{kind, kind, topic, topic, "events-" + topic}, []string{v.EventID, v.Type, v.Source, v.Topic, v.PubSub})
	return v
}
