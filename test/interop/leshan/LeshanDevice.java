import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.client.californium.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.client.californium.endpoint.coaps.CoapsClientProtocolProvider;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.LwM2mTestObject;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;

/**
 * A device on Eclipse Leshan's client library, with the objects of Leshan's demo client (Device, temperature 3303, test object 3442).
 * Started from its source: java -cp CLASSPATH LeshanDevice.java coap(s)://HOST:PORT ENDPOINT LIFETIME MODELS OPTION...
 * LIFETIME "bootstrap": the URI is that of its bootstrap server, and it knows no other.
 * Options: "psk IDENTITY KEY", "rpk PUBLIC PRIVATE SERVER" or "x509 CERTIFICATE PRIVATE SERVER" (keys, and DER, in hex), each one
 * parameter; "cid LENGTH" of its own connection id, 0 = only the server has one; "queue" for queue mode.
 * Standard input takes one command per line (update, temperature N, send FORMAT PATH..., quit); what happens is one line each on
 * standard output.
 */
public class LeshanDevice {
    private static final int TEMPERATURE_OBJECT = 3303;
    private static final int TEST_OBJECT = 3442;
    private static final int SERVER_ID = 123;
    private static final long SEND_TIMEOUT_MS = 5000;
    private static final int LARGEST_BODY = 1_000_000;

    public static void main(String[] args) throws Exception {
        String url = args[0];
        String endpoint = args[1];

        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadDefault());
        models.addAll(ObjectLoader.loadObjectsFromDir(new File(args[3])));
        ObjectsInitializer initializer = new ObjectsInitializer(new StaticModel(models));
        Temperature temperature = new Temperature();
        Map<String, String[]> options = new HashMap<>();
        for (String option : Arrays.asList(args).subList(4, args.length)) options.put(option.split(" ")[0], option.split(" "));
        boolean isFresh = args[2].equals("bootstrap");
        boolean isQueueMode = options.containsKey("queue");
        initializer.setInstancesForObject(LwM2mId.SECURITY, securityFor(url, options, isFresh));
        if (isFresh) initializer.setClassForObject(LwM2mId.SERVER, Server.class);
        else initializer.setInstancesForObject(LwM2mId.SERVER, new Server(SERVER_ID, Long.parseLong(args[2])));
        initializer.setInstancesForObject(LwM2mId.DEVICE, new DemoDevice());
        initializer.setInstancesForObject(TEMPERATURE_OBJECT, temperature);
        initializer.setInstancesForObject(TEST_OBJECT, new LwM2mTestObject());

        LeshanClientBuilder builder = new LeshanClientBuilder(endpoint);
        builder.setObjects(initializer.createAll());
        CaliforniumClientEndpointsProvider.Builder endpoints = new CaliforniumClientEndpointsProvider.Builder(
                new CoapClientProtocolProvider(), new CoapsClientProtocolProvider());
        Configuration configuration = endpoints.createDefaultConfiguration();
        configuration.set(CoapConfig.MAX_RESOURCE_BODY_SIZE, LARGEST_BODY);
        if (options.containsKey("cid")) {
            configuration.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, Integer.parseInt(options.get("cid")[1]));
        }
        builder.setEndpointsProviders(endpoints.setConfiguration(configuration).build());
        builder.setRegistrationEngineFactory(new DefaultRegistrationEngineFactory().setQueueMode(isQueueMode));
        LeshanClient client = builder.build();
        client.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> client.destroy(true)));
        obey(client, temperature);
    }

    private static Security securityFor(String url, Map<String, String[]> options, boolean isFresh) {
        String[] psk = options.get("psk");
        if (psk != null && isFresh) return Security.pskBootstrap(url, psk[1].getBytes(), bytes(psk[2]));
        if (psk != null) return Security.psk(url, SERVER_ID, psk[1].getBytes(), bytes(psk[2]));
        String[] rpk = options.get("rpk");
        if (rpk != null) return Security.rpk(url, SERVER_ID, bytes(rpk[1]), bytes(rpk[2]), bytes(rpk[3]));
        String[] x509 = options.get("x509");
        if (x509 != null) return Security.x509(url, SERVER_ID, bytes(x509[1]), bytes(x509[2]), bytes(x509[3]));
        return isFresh ? Security.noSecBootstrap(url) : Security.noSec(url, SERVER_ID);
    }

    private static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex);
    }

    private static void obey(LeshanClient client, Temperature temperature) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.trim().split(" ");
            switch (words[0]) {
            case "update":
                client.triggerRegistrationUpdate();
                break;
            case "temperature":
                temperature.change(Double.parseDouble(words[1]));
                break;
            case "send":
                for (LwM2mServer server : client.getRegisteredServers().values()) {
                    List<String> paths = Arrays.asList(words).subList(2, words.length);
                    say("sent " + client.getSendService()
                            .sendData(server, ContentFormat.fromName(words[1]), paths, SEND_TIMEOUT_MS).getCode());
                }
                break;
            case "quit":
                System.exit(0);
                break;
            default:
                say("unknown " + line);
            }
        }
        System.exit(0);
    }

    private static synchronized void say(String line) {
        System.out.println(line);
    }

    /** Object 3 with values of every kind, a writable time zone and a reboot that is only told. */
    public static class DemoDevice extends BaseInstanceEnabler {
        private String offset = "+01";

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            switch (resource) {
            case 0:
                return ReadResponse.success(resource, "Leshan Demo Device");
            case 1:
                return ReadResponse.success(resource, "Model 500");
            case 9:
                return ReadResponse.success(resource, 85L);
            case 11:
                Map<Integer, Long> errors = new HashMap<>();
                errors.put(0, 0L);
                return ReadResponse.success(resource, errors, org.eclipse.leshan.core.model.ResourceModel.Type.INTEGER);
            case 14:
                return ReadResponse.success(resource, offset);
            case 16:
                return ReadResponse.success(resource, "U");
            default:
                return super.read(server, resource);
            }
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource value) {
            if (resource != 14) return super.write(server, replace, resource, value);
            offset = (String) value.getValue();
            say("written " + offset);
            fireResourceChange(resource);
            return WriteResponse.success();
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            say("executed " + resource + " " + new String(arguments.serialize()));
            return ExecuteResponse.success();
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return Arrays.asList(0, 1, 4, 9, 11, 14, 16);
        }
    }

    /** Object 3303: changes only when told to. */
    public static class Temperature extends BaseInstanceEnabler {
        private double value = 21.5;

        void change(double next) {
            value = next;
            fireResourceChange(5700);
        }

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            switch (resource) {
            case 5700:
                return ReadResponse.success(resource, value);
            case 5701:
                return ReadResponse.success(resource, "Cel");
            default:
                return super.read(server, resource);
            }
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return Arrays.asList(5700, 5701);
        }
    }
}
