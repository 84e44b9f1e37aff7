package figures

import "math"

// Between gives what has grown from one reading of a process to the next; gauges are as
// they are. A counter that is smaller than before is of a process that was started again:
// all that it counts is new. A series that was not there is, too.
func Between(before, after Figures) Figures {
	grown := Figures{}
	for key, now := range after {
		was, known := before[key]
		if now.Grows && known && was.Value <= now.Value && len(was.Buckets) == len(now.Buckets) {
			now.Value -= was.Value
			now.Buckets = less(now.Buckets, was.Buckets)
		}
		grown[key] = now
	}
	return grown
}

func less(a, b []Bucket) []Bucket {
	if a == nil {
		return nil
	}
	out := make([]Bucket, len(a))
	for i := range a {
		out[i] = Bucket{a[i].Bound, max(0, a[i].Count-b[i].Count)}
	}
	return out
}

// Sum adds up the values of a figure whose labels are those that are given, as
// "name", "value" in turn.
func (f Figures) Sum(name string, labels ...string) (sum float64, found bool) {
	for s := range f.each(name, labels) {
		sum += s.Value
		found = true
	}
	return sum, found
}

func (f Figures) each(name string, labels []string) func(yield func(Series) bool) {
	return func(yield func(Series) bool) {
		for _, s := range f {
			if s.Name == name && s.has(labels) && !yield(s) {
				return
			}
		}
	}
}

func (s Series) has(labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		if s.Labels[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}

// Add puts the observations of one histogram to those of another, whose bounds are the
// same or which is empty.
func Add(to, more []Bucket) []Bucket {
	if len(to) != len(more) {
		return append(to[:0:0], more...)
	}
	for i := range to {
		to[i].Count += more[i].Count
	}
	return to
}

// Quantile gives the bound below which a share of the observations is, between two bounds
// by straight line as Prometheus does, in the histogram's unit; NaN where nothing was
// observed. What is above the last finite bound counts as that.
func Quantile(share float64, buckets []Bucket) float64 {
	if len(buckets) == 0 {
		return math.NaN()
	}
	all := buckets[len(buckets)-1].Count
	if all == 0 {
		return math.NaN()
	}
	rank, lower, below := share*all, 0.0, 0.0
	for _, b := range buckets {
		if math.IsInf(b.Bound, 1) {
			break
		}
		if b.Count >= rank {
			if b.Count == below {
				return b.Bound
			}
			return lower + (b.Bound-lower)*(rank-below)/(b.Count-below)
		}
		lower, below = b.Bound, b.Count
	}
	return lower
}
