"""A client that speaks as those of Kafka 0.11 do: it produces and consumes, and copies in transactions. It says in JSON what it
has counted, a line for each step.

    old_client.py BROKER TOPIC RECORDS ORIGINALS
"""

import json
import sys

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import OffsetAndMetadata, TopicPartition

# the oldest whose requests to read and write a broker of 4.x still takes
VERSION = (0, 11)
# how many records each transaction copies
COPIED = 5


def main():
    broker, topic, count, originals = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    there_and_back(broker, topic, count)
    for ending in ("committed", "aborted"):
        copy(broker, originals, ending)


def there_and_back(broker, topic, count, version=VERSION, **login):
    client = f"python-{topic}"
    producer = KafkaProducer(bootstrap_servers=broker, client_id=client, api_version=version, acks=1, **login)
    sent = [producer.send(topic, b"an old value %d" % number) for number in range(count)]
    producer.flush()
    if [future.get().offset for future in sent] != list(range(count)):
        raise SystemExit("the offsets are not those of a topic that was empty")
    producer.close()

    consumer = KafkaConsumer(bootstrap_servers=broker, client_id=f"python-read-{topic}", group_id=f"group-{topic}",
                             api_version=version, auto_offset_reset="earliest", enable_auto_commit=False, **login)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    values = [next(consumer).value for _ in range(count)]
    if values != [b"an old value %d" % number for number in range(count)]:
        raise SystemExit("what is read is not what was written")
    # behind by the half of them
    consumer.seek(partition, count // 2)
    consumer.commit()
    consumer.close()
    print(json.dumps({"step": topic, "client": client, "topic": topic, "record-send-total": count,
                      "records-consumed-total": count}))


def copy(broker, originals, ending):
    """A group consumes, transforms and produces in two transactions: one that is committed, and one that ends so."""
    client, copies = f"python-{ending}", f"copies-old-{ending}"
    # each transaction makes one batch, and may be open for longer than brokers allow by default
    producer = KafkaProducer(bootstrap_servers=broker, client_id=client, api_version=VERSION, acks="all",
                             transactional_id=f"old-{ending}", transaction_timeout_ms=1_200_000, linger_ms=60_000)
    producer.init_transactions()
    group = f"group-old-{ending}"
    consumer = KafkaConsumer(bootstrap_servers=broker, client_id=f"python-read-{ending}", group_id=group,
                             api_version=VERSION, auto_offset_reset="earliest", enable_auto_commit=False,
                             isolation_level="read_committed")
    partition = TopicPartition(originals, 0)
    consumer.assign([partition])
    for end in (producer.commit_transaction,
                producer.commit_transaction if ending == "committed" else producer.abort_transaction):
        producer.begin_transaction()
        for _ in range(COPIED):
            producer.send(copies, next(consumer).value)
        producer.flush()
        behind = OffsetAndMetadata(consumer.position(partition), "", -1)
        producer.send_offsets_to_transaction({partition: behind}, group)
        end()
    producer.close()
    consumer.close()
    # the requests of its two transactions
    made = dict.fromkeys(("AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn", "Produce"), 2)
    print(json.dumps({"step": f"old-{ending}", "client": client, "topic": copies, "record-send-total": 2 * COPIED,
                      "InitProducerId": 1, **made}))


if __name__ == "__main__":
    main()
