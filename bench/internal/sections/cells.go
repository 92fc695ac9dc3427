package sections

import (
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// Task is an act with a payload.
type Task struct {
	Act     measure.Act
	Payload int
}

// Tasks returns every act at every payload. Untouched requests and sign-ins decode and
// encode nothing, so they come with the first payload only.
func Tasks(payloads ...int) []Task {
	list := []Task{{measure.Untouched, payloads[0]}, {measure.SignIn, payloads[0]}}
	for _, p := range payloads {
		list = append(list, Task{measure.Read, p}, Task{measure.Write, p})
	}
	return list
}

// ReadWrite returns the tasks of reading and writing a payload.
func ReadWrite(payload int) []Task {
	return []Task{{Act: measure.Read, Payload: payload}, {Act: measure.Write, Payload: payload}}
}

// Crowds returns the visitors for the tasks on sites that can do them. A site without
// sessions has one task.
func Crowds(list []*measure.Site, tasks []Task) []*measure.Crowd {
	var crowds []*measure.Crowd
	for _, s := range list {
		if !s.Does(measure.Read) {
			crowds = append(crowds, measure.NewCrowd(s, measure.Untouched, 0))
			continue
		}
		for _, t := range tasks {
			if s.Does(t.Act) {
				crowds = append(crowds, measure.NewCrowd(s, t.Act, t.Payload))
			}
		}
	}
	return crowds
}

// Serial returns the cells of one client each.
func Serial(crowds []*measure.Crowd) []measure.Cell {
	var cells []measure.Cell
	for _, c := range crowds {
		cells = append(cells, measure.NewSerial(c))
	}
	return cells
}

// Together returns the cells of so many clients at once.
func Together(crowds []*measure.Crowd, clients int) []measure.Cell {
	var cells []measure.Cell
	for _, c := range crowds {
		cells = append(cells, measure.NewTogether(c, clients))
	}
	return cells
}
