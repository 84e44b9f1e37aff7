// Package tap hears every event of a running shop at its broker, past Dapr and
// beside the consumers of the apps: NATS, or Redis where the profile has no
// other broker.
package tap

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"

	"tienda/tests/shop"
)

// Topics are the topics of the services. With each its log is heard, "<topic>-log".
var Topics = []string{"users", "catalog", "orders", "support"}

// Listen has hear told of every event of the topics, from the first one on, in
// the order of each topic. It goes on when the broker was away. hear must not
// be called after the function that Listen gives, which ends it.
func Listen(s shop.State, topics []string, hear func(raw []byte)) (stop func(), err error) {
	if s.Events != "" {
		s.Profile, s.Store = "redis", s.Events
	}
	if s.Broker == "" {
		return listenRedis(s, topics, hear)
	}
	return listenNATS(s, topics, hear)
}

func listenNATS(s shop.State, topics []string, hear func(raw []byte)) (func(), error) {
	conn, err := nats.Connect("nats://"+strings.TrimPrefix(s.Broker, "nats://"), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, topic := range topics {
		if err := consume(ctx, js, topic, hear); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn.Close, nil
}

func consume(ctx context.Context, js jetstream.JetStream, topic string, hear func(raw []byte)) error {
	stream, err := js.StreamNameBySubject(ctx, topic)
	if err != nil {
		return fmt.Errorf("stream of %s: %w", topic, err)
	}
	c, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{topic, topic + "-log"}, DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return fmt.Errorf("consumer of %s: %w", topic, err)
	}
	_, err = c.Consume(func(m jetstream.Msg) { hear(m.Data()) })
	return err
}

// listenRedis reads the streams from their beginning, as a reader of its own
// beside the consumer groups of the apps.
func listenRedis(s shop.State, topics []string, hear func(raw []byte)) (func(), error) {
	for _, topic := range slices.Clone(topics) {
		topics = append(topics, topic+"-log")
	}
	client, err := OpenRedis(s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		at := map[string]string{}
		for _, topic := range topics {
			at[topic] = "0"
		}
		for ctx.Err() == nil {
			readRedis(ctx, client, topics, at, hear)
		}
	}()
	return func() {
		cancel()
		<-done
		_ = client.Close()
	}, nil
}

func readRedis(ctx context.Context, client *redis.Client, topics []string, at map[string]string, hear func(raw []byte)) {
	args := &redis.XReadArgs{Block: time.Second, Count: 1000, Streams: slices.Clone(topics)}
	for _, topic := range topics {
		args.Streams = append(args.Streams, at[topic])
	}
	// An error is an empty answer or a Redis that is away: it is asked again.
	streams, err := client.XRead(ctx, args).Result()
	if err != nil {
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
		return
	}
	for _, stream := range streams {
		for _, m := range stream.Messages {
			at[stream.Stream] = m.ID
			raw, _ := m.Values["data"].(string)
			hear([]byte(raw))
		}
	}
}

// StorePassword reads the password of the server behind the profile.
func StorePassword(s shop.State) (string, error) {
	b, err := os.ReadFile(s.SecretFile)
	if err != nil {
		return "", err
	}
	var secrets map[string]string
	if err := json.Unmarshal(b, &secrets); err != nil {
		return "", err
	}
	return secrets[s.Profile+"-password"], nil
}

// OpenRedis gives a client of the Redis behind the profile.
func OpenRedis(s shop.State) (*redis.Client, error) {
	password, err := StorePassword(s)
	if err != nil {
		return nil, err
	}
	return redis.NewClient(&redis.Options{Addr: s.Store, Password: password}), nil
}
