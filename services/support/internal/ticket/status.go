package ticket

// Status says whose turn it is.
type Status string

// The statuses.
const (
	StatusOpen     Status = "open"     // an agent's turn
	StatusAnswered Status = "answered" // the customer's turn
	StatusClosed   Status = "closed"
)

// afterMessage is the status that a visible message leaves, from any status:
// a closed ticket is opened again by either side's message.
var afterMessage = map[Author]Status{
	ByCustomer: StatusOpen,
	ByAgent:    StatusAnswered,
}
