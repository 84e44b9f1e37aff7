package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

func TestLoadConfig(t *testing.T) {
	c, err := LoadConfig("orders", 8083, env(map[string]string{
		"APP_PORT": "9000", "DAPR_HTTP_PORT": "3510", "DAPR_GRPC_PORT": "50010", "APP_API_TOKEN": "secret-a", "DAPR_API_TOKEN": "secret-b",
		"LOG_LEVEL": "debug", "TIENDA_DRAIN": "3s", "TIENDA_READY_OFF": "100ms", "TIENDA_LINGER": "2s", "TIENDA_REVERSE": "1",
	}))
	require.NoError(t, err)
	require.Equal(t, Config{
		AppID: "orders", Host: "127.0.0.1", Port: 9000, DaprHTTPPort: 3510, DaprGRPCPort: 50010, APIToken: "secret-b", AppToken: "secret-a",
		Reverse: true, LogLevel: slog.LevelDebug, DrainTime: 3 * time.Second, ReadyOffTime: 100 * time.Millisecond, LingerTime: 2 * time.Second,
	}, c)
	require.NotContains(t, c.LogValue().String(), "secret", "what is logged is masked")
}

func TestLoadConfigNamesEveryFault(t *testing.T) {
	_, err := LoadConfig("orders", 8083, env(map[string]string{"APP_PORT": "x", "DAPR_HTTP_PORT": "70000", "LOG_LEVEL": "loud", "TIENDA_DRAIN": "soon"}))
	for _, name := range []string{"APP_PORT", "DAPR_HTTP_PORT", "LOG_LEVEL", "TIENDA_DRAIN", "APP_API_TOKEN"} {
		require.ErrorContains(t, err, name)
	}
	_, err = LoadConfig("orders", 8083, env(map[string]string{"TIENDA_ALLOW_NO_APP_TOKEN": "1"}))
	require.NoError(t, err, "without a token only when that is asked for")
}

// What is behind goes on until what is in front has ended.
func TestOutlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		front := func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second) // requests in flight
			order = append(order, "front")
			return nil
		}
		back := func(ctx context.Context) error {
			<-ctx.Done()
			order = append(order, "back")
			return nil
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		require.NoError(t, Outlive(back, front)(ctx))
		require.Equal(t, []string{"front", "back"}, order)

		broken := errors.New("broken")
		err := Outlive(func(context.Context) error { return broken }, front)(t.Context())
		require.ErrorIs(t, err, broken, "a failing back stops the front")
	})
}

func TestEveryGoesOnAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := 0
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Second)
		defer stop()
		require.NoError(t, Every(10*time.Second, slog.New(slog.DiscardHandler), "test", func(ctx context.Context) error {
			if turns++; turns == 1 {
				<-ctx.Done() // hangs; the turn has a limit
			}
			return errors.New("no")
		})(ctx))
		require.Greater(t, turns, 5)
	})
}
