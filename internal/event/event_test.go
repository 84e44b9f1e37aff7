package event

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
)

func TestCloudEventRoundTrip(t *testing.T) {
	e := New("orders", "confirmed", "o-1", map[string]any{"order_id": "o-1"})
	e.Version = 3
	b, err := json.Marshal(e)
	require.NoError(t, err)
	var r Received
	require.NoError(t, json.Unmarshal(b, &r))
	require.Equal(t, "tienda.orders.confirmed", r.Type)
	require.Equal(t, "orders", r.Source)
	require.Equal(t, int64(3), r.Version)
	require.True(t, e.Time.Equal(r.Time))
	var data struct {
		OrderID string `json:"order_id"`
	}
	require.NoError(t, r.Decode(&data))
	require.Equal(t, "o-1", data.OrderID)
	require.NoError(t, json.Unmarshal([]byte(`{"id":"1","type":"t","docversion":"7","data":{}}`), &r))
	require.Equal(t, int64(7), r.Version, "a version that a broker made a string")
	require.Error(t, json.Unmarshal([]byte(`{"type":"t"}`), &r))
}

// bus is a broker that keeps what it gets.
type bus struct {
	got  []string
	away bool
}

func (b *bus) PublishEvent(_ context.Context, pubsub, topic string, data any, _ ...dapr.PublishEventOption) error {
	b.got = append(b.got, pubsub+"/"+topic+"/"+string(data.([]byte)))
	return nil
}

func (b *bus) PublishEvents(_ context.Context, pubsub, topic string, events []any, _ ...dapr.PublishEventsOption) dapr.PublishEventsResponse {
	if b.away {
		return dapr.PublishEventsResponse{Error: errors.New("away"), FailedEvents: events}
	}
	var r dapr.PublishEventsResponse
	for _, e := range events {
		entry := e.(dapr.PublishEventsEvent)
		if string(entry.Data) == "bad" {
			r.Error, r.FailedEvents = errors.New("refused"), append(r.FailedEvents, e)
			continue
		}
		b.got = append(b.got, pubsub+"/"+topic+"/"+entry.ContentType+"/"+string(entry.Data))
	}
	return r
}

func TestPublishAllSaysWhatFailed(t *testing.T) {
	b := &bus{}
	topic := topicOf(t, b, "orders")
	failed, err := topic.PublishAll(t.Context(), [][]byte{[]byte("1"), []byte("bad"), []byte("3")})
	require.Error(t, err)
	require.Equal(t, []int{1}, failed)
	require.Equal(t, []string{"events-orders/orders/" + ContentType + "/1", "events-orders/orders/" + ContentType + "/3"}, b.got)
	failed, err = topic.PublishAll(t.Context(), [][]byte{[]byte("1")})
	require.NoError(t, err)
	require.Empty(t, failed)
	b.away = true
	failed, err = topic.PublishAll(t.Context(), [][]byte{[]byte("1"), []byte("2")})
	require.Error(t, err)
	require.Equal(t, []int{0, 1}, failed)
}

func TestTopicIsNamedLikeTheApp(t *testing.T) {
	b := &bus{}
	require.NoError(t, topicOf(t, b, "orders").Publish(t.Context(), []byte(`{}`)))
	require.Equal(t, []string{"events-orders/orders/{}"}, b.got)
}

func topicOf(t *testing.T, b Bus, app string) *Topic {
	t.Helper()
	topic, err := NewTopic(b, app, contracts.FS)
	require.NoError(t, err)
	return topic
}

// What no service acts on goes where nobody has to hear it.
func TestTheContractNamesTheTopic(t *testing.T) {
	b := &bus{}
	orders := topicOf(t, b, "orders")
	require.Equal(t, map[string]string{"tienda.orders.confirmed": "orders-log", "tienda.orders.delivered": "orders-log"}, orders.other)
	confirmed, cancelled := []byte(`{"type":"tienda.orders.confirmed"}`), []byte(`{"type":"tienda.orders.cancelled"}`)
	require.NoError(t, orders.Publish(t.Context(), confirmed))
	require.NoError(t, orders.Publish(t.Context(), cancelled))
	require.Equal(t, []string{"events-orders/orders-log/" + string(confirmed), "events-orders/orders/" + string(cancelled)}, b.got)
	b.got = nil
	failed, err := orders.PublishAll(t.Context(), [][]byte{confirmed, cancelled, []byte("bad"), confirmed})
	require.Error(t, err)
	require.Equal(t, []int{2}, failed)
	require.ElementsMatch(t, []string{
		"events-orders/orders-log/" + ContentType + "/" + string(confirmed), "events-orders/orders-log/" + ContentType + "/" + string(confirmed),
		"events-orders/orders/" + ContentType + "/" + string(cancelled),
	}, b.got)
	for _, app := range []string{"catalog", "support"} {
		require.Empty(t, topicOf(t, b, app).other)
	}
}
