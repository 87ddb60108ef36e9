// A Lumberjack v2 server that writes each event as a line of JSON to a file and acknowledges it then.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/elastic/go-lumber/server"
)

func main() {
	out, err := os.OpenFile(os.Args[2], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	s, err := server.ListenAndServe(os.Args[1], server.V2(true))
	if err != nil {
		log.Fatal(err)
	}
	encoder := json.NewEncoder(out)
	for batch := range s.ReceiveChan() {
		for _, event := range batch.Events {
			if err := encoder.Encode(event); err != nil {
				log.Fatal(err)
			}
		}
		batch.ACK()
	}
}
