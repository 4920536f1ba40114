import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Members of a share group, of which one gives records back that the other gets then. Each says, in a line of JSON, what it
 * counted itself.
 *
 * Takes the address of a broker.
 */
public class Shares {
    static final String TOPIC = "shared";
    static final String GROUP = "sharers";
    static final int RECORDS = 300;

    public static void main(String[] arguments) throws Exception {
        Clients.broker = arguments[0];
        try (Admin admin = Admin.create(Clients.properties("java-admin"))) {
            Clients.awaitBrokers(admin, 1);
            admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get();
            var fromTheBeginning = new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
            var group = new ConfigResource(ConfigResource.Type.GROUP, GROUP);
            admin.incrementalAlterConfigs(Map.of(group, List.of(fromTheBeginning))).all().get();
        }
        try (var producer = Clients.producer("java-shared", Map.of("linger.ms", "100"))) {
            Clients.send(producer, TOPIC, RECORDS);
            Clients.tell(TOPIC, "java-shared", producer.metrics(), TOPIC);
        }
        // a batch is carried as a whole, whatever is given of it again
        int left = RECORDS - read("first", RECORDS, 7);
        if (read("second", left, 0) != left) {
            throw new IllegalStateException("more was left than was given back");
        }
    }

    /** Reads so many records, or some more, of which every one of so many is given back. Returns how many were not. */
    static int read(String name, int count, int each) {
        String client = "java-" + name;
        Properties properties = Clients.properties(client);
        properties.put("group.id", GROUP);
        properties.put("share.acknowledgement.mode", "explicit");
        properties.put("fetch.max.wait.ms", "100");
        Instant deadline = Instant.now().plusSeconds(60);
        int kept = 0;
        try (var consumer = new KafkaShareConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(TOPIC));
            for (int seen = 0; seen < count;) {
                if (Instant.now().isAfter(deadline)) {
                    throw new IllegalStateException(name + " was given " + seen + " records of " + count);
                }
                for (var record : consumer.poll(Duration.ofMillis(100))) {
                    boolean isGivenBack = each > 0 && seen % each == 0;
                    consumer.acknowledge(record, isGivenBack ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT);
                    kept += isGivenBack ? 0 : 1;
                    seen++;
                }
                // what was given back comes again if more is read, and else waits for the other
                if (seen < count) {
                    consumer.commitSync();
                }
            }
            Clients.tell(name, client, consumer.metrics(), TOPIC);
        }
        return kept;
    }
}
