package jetstream_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"tienda/cmd/broker/internal/jetstream"
)

func TestEventsAndDeadLettersOutliveTheBroker(t *testing.T) {
	cfg := jetstream.Config{Addr: "127.0.0.1:0", Dir: t.TempDir()}
	b, err := jetstream.Start(t.Context(), cfg)
	require.NoError(t, err)
	nc, err := nats.Connect(b.URL())
	require.NoError(t, err)
	js, err := nc.JetStream()
	require.NoError(t, err)
	for _, topic := range jetstream.Topics {
		// One ID everywhere: the event, and its dead letters in every app.
		for _, subject := range []string{topic, "deadletter-" + topic} {
			ack, err := js.Publish(subject, []byte("{}"), nats.MsgId("event-1"))
			require.NoError(t, err, subject)
			require.False(t, ack.Duplicate, subject)
		}
	}
	ack, err := js.Publish("orders", []byte("{}"), nats.MsgId("event-1"))
	require.NoError(t, err)
	require.True(t, ack.Duplicate, "an event published twice is kept once")
	nc.Close()
	b.Stop()

	b, err = jetstream.Start(t.Context(), cfg)
	require.NoError(t, err)
	defer b.Stop()
	nc, err = nats.Connect(b.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err = nc.JetStream()
	require.NoError(t, err)
	info, err := js.StreamInfo("DEADLETTER_SUPPORT")
	require.NoError(t, err)
	require.EqualValues(t, 1, info.State.Msgs)
}

func TestStartRefuses(t *testing.T) {
	b, err := jetstream.Start(t.Context(), jetstream.Config{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	defer b.Stop()
	for name, c := range map[string]struct{ addr, want string }{
		"a taken port": {b.URL()[len("nats://"):], "cannot listen"},
		"no port":      {"127.0.0.1", "broker address"},
		"a wrong port": {"127.0.0.1:x", "not a port"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jetstream.Start(t.Context(), jetstream.Config{Addr: c.addr, Dir: t.TempDir()})
			require.ErrorContains(t, err, c.want)
		})
	}
}
