"""A client that speaks as those of Kafka 0.11 do: it produces and consumes, and says in JSON what it has counted.

    old_client.py BROKER TOPIC RECORDS
"""

import json
import sys

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

# the oldest whose requests to read and write a broker of 4.x still takes
VERSION = (0, 11)


def main():
    broker, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    producer = KafkaProducer(bootstrap_servers=broker, client_id="python-old", api_version=VERSION, acks=1)
    sent = [producer.send(topic, b"an old value %d" % number) for number in range(count)]
    producer.flush()
    if [future.get().offset for future in sent] != list(range(count)):
        raise SystemExit("the offsets are not those of a topic that was empty")
    producer.close()

    consumer = KafkaConsumer(bootstrap_servers=broker, client_id="python-read-old", group_id="group-old",
                             api_version=VERSION, auto_offset_reset="earliest", enable_auto_commit=False)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    values = [next(consumer).value for _ in range(count)]
    if values != [b"an old value %d" % number for number in range(count)]:
        raise SystemExit("what is read is not what was written")
    # behind by the half of them
    consumer.seek(partition, count // 2)
    consumer.commit()
    consumer.close()
    print(json.dumps({"step": "old", "client": "python-old", "topic": topic, "record-send-total": count,
                      "records-consumed-total": count}))


if __name__ == "__main__":
    main()
