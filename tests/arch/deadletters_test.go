package arch

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/deadletter"
)

type subscription struct {
	Metadata struct{ Name string }
	Spec     struct {
		PubSub string `yaml:"pubsubname"`
		Topic  string
		Routes struct {
			Rules   []any
			Default string
		}
		DeadLetter string `yaml:"deadLetterTopic"`
		Metadata   map[string]string
	}
	Scopes []string
}

func read(t *testing.T, file string, each func(*yaml.Decoder) error) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	d := yaml.NewDecoder(bytes.NewReader(raw))
	for err = nil; err == nil; err = each(d) {
	}
	require.True(t, errors.Is(err, io.EOF), "%s: %v", file, err)
}

// Every app that hears events hears its own dead letters, keeps them and shows
// them to admins. No subscription with a dead-letter topic chooses by rules: the
// sidecar would send there what no rule takes.
func TestEveryHearerKeepsItsDeadLetters(t *testing.T) {
	hears, keeps := map[string]bool{}, map[string]bool{}
	read(t, "../../dapr/subscriptions.yaml", func(d *yaml.Decoder) error {
		var s subscription
		if err := d.Decode(&s); err != nil {
			return err
		}
		require.Len(t, s.Scopes, 1, s.Metadata.Name)
		app := s.Scopes[0]
		require.Empty(t, s.Spec.Routes.Rules, s.Metadata.Name)
		if s.Spec.Topic == "deadletter-"+app {
			keeps[app] = true
			require.Equal(t, "events-deadletter", s.Spec.PubSub)
			require.Equal(t, "/events/deadletter", s.Spec.Routes.Default)
			require.Equal(t, map[string]string{"rawPayload": "true"}, s.Spec.Metadata, "what is no CloudEvent must come through")
			require.Empty(t, s.Spec.DeadLetter)
			return nil
		}
		hears[app] = true
		require.Equal(t, "events-"+s.Spec.Topic, s.Spec.PubSub)
		require.Equal(t, "/events/"+s.Spec.Topic, s.Spec.Routes.Default)
		require.Equal(t, "deadletter-"+app, s.Spec.DeadLetter)
		return nil
	})
	require.NotEmpty(t, hears)
	require.Equal(t, hears, keeps)
	public, err := contract.Load(contracts.FS, "public")
	require.NoError(t, err)
	for app := range hears {
		for method, path := range map[string]string{"GET": "", "POST": "/{id}/replay"} {
			_, there := public.Operation(method, deadletter.Path(app)+path)
			require.True(t, there, "%s %s", method, deadletter.Path(app)+path)
		}
	}
}

// Redis Streams lose a dead letter whose retries end before the component's
// processingTimeout; longer than 30 s, they would hold up a sidecar whose app
// has gone away.
func TestDeadLettersOutlastTheirProcessingTimeout(t *testing.T) {
	var retries time.Duration
	read(t, "../../dapr/resiliency.yaml", func(d *yaml.Decoder) error {
		var r struct {
			Spec struct {
				Policies struct {
					Retries map[string]struct {
						Policy     string
						Duration   string
						MaxRetries int `yaml:"maxRetries"`
					}
				}
				Targets struct {
					Components map[string]struct{ Inbound struct{ Retry string } }
				}
			}
		}
		if err := d.Decode(&r); err != nil {
			return err
		}
		p, ok := r.Spec.Policies.Retries[r.Spec.Targets.Components["events-deadletter"].Inbound.Retry]
		require.True(t, ok)
		require.Equal(t, "constant", p.Policy)
		every, err := time.ParseDuration(p.Duration)
		require.NoError(t, err)
		retries = every * time.Duration(p.MaxRetries)
		return nil
	})
	var processing time.Duration
	read(t, "../../components/redis/events-deadletter.yaml", func(d *yaml.Decoder) error {
		var c struct {
			Spec struct {
				Metadata []struct{ Name, Value string }
			}
		}
		if err := d.Decode(&c); err != nil {
			return err
		}
		for _, m := range c.Spec.Metadata {
			if m.Name == "processingTimeout" {
				var err error
				processing, err = time.ParseDuration(m.Value)
				require.NoError(t, err)
			}
		}
		return nil
	})
	require.Positive(t, processing)
	require.Greater(t, retries, processing+time.Second)
	require.Less(t, retries, 30*time.Second)
}
