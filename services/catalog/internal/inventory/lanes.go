package inventory

import (
	"context"
	"hash/fnv"
	"slices"
)

// lanes let writers of the same SKUs pass one after the other. Two SKUs may
// share a lane, which costs a wait and nothing else. They are a courtesy to
// the store, within one replica: it is the ETags that keep stock right.
type lanes struct {
	lane [256]chan struct{}
}

func newLanes() *lanes {
	l := &lanes{}
	for i := range l.lane {
		l.lane[i] = make(chan struct{}, 1)
	}
	return l
}

// lock takes the lanes of all the SKUs, always in the same order.
func (l *lanes) lock(ctx context.Context, skus ...string) (unlock func(), err error) {
	numbers := make([]int, len(skus))
	for i, sku := range skus {
		h := fnv.New32a()
		_, _ = h.Write([]byte(sku))
		numbers[i] = int(h.Sum32() % uint32(len(l.lane)))
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	for i, n := range numbers {
		select {
		case l.lane[n] <- struct{}{}:
		case <-ctx.Done():
			l.unlock(numbers[:i])
			return nil, ctx.Err()
		}
	}
	return func() { l.unlock(numbers) }, nil
}

func (l *lanes) unlock(numbers []int) {
	for _, n := range numbers {
		<-l.lane[n]
	}
}
