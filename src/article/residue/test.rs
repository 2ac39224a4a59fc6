use super::*;

#[test]
fn lines_of_a_page_are_told_by_their_form() {
    use Residue::*;
    let table: &[(Residue, &[&str])] = &[
        (
            Source,
            &[
                "Source : https://thanhnien.vn/nga-iran.htm",
                "Source: Reuters",
                "Sources : AFP, Le Monde",
                "Crédit photo : Jean Dupont / AFP",
                "© Reuters",
            ],
        ),
        (
            Counter,
            &[
                "Comment (0)",
                "Commentaires (12)",
                "12 commentaires",
                "1,2 k vues",
                "3 partages",
            ],
        ),
        (
            Teaser,
            &[
                "Lire aussi : Téhéran ne sera plus la capitale",
                ">> À lire aussi",
                "Voir aussi :",
                "À LIRE : le dossier",
                "EN IMAGES : la marche",
            ],
        ),
        (
            Invitation,
            &[
                "Partager",
                "S’abonner",
                "Abonnez-vous !",
                "Abonnez-vous à notre chaîne YouTube",
                "Nous utilisons des cookies pour améliorer votre expérience.",
                "Recevez chaque matin notre newsletter",
                "Tous droits réservés.",
            ],
        ),
        (
            Dateline,
            &[
                "Publié le 12 mars 2020 à 10h30",
                "Mis à jour à 12:30",
                "Temps de lecture : 3 min",
                "3 min de lecture",
            ],
        ),
        (
            Byline,
            &[
                "Par Jeanne Martin",
                "Par Jeanne Martin et Luc Petit",
                "Avec AFP",
                "(Reuters)",
                "AFP et Reuters",
            ],
        ),
        (
            Script,
            &[
                "window.dataLayer = window.dataLayer || [];",
                "(function(){ var a = 1; })();",
                "<script src=\"x.js\"></script>",
            ],
        ),
    ];
    for (residue, lines) in table {
        for line in *lines {
            assert_eq!(of_line(line), Some(*residue), "{line}");
        }
    }
}

#[test]
fn prose_about_the_same_things_is_no_residue() {
    for line in [
        "La source de l'article est inconnue.",
        "Le Kremlin se tait.",
        "Sources proches du dossier et diplomates s'accordent à dire que la signature aura lieu vendredi.",
        "« Abonnez-vous », a-t-il lancé à la foule.",
        "Il a reçu 12 commentaires.",
        "Partager la nouvelle du décès de deux girafes a été difficile.",
        "Publié le 12 mars 2020, le roman a connu un grand succès.",
        "Par Toutatis, ils sont fous.",
        "Par la suite, M. Salviani a mené une vie calme",
        "Les cookies sont des gâteaux.",
        "La photo montre un homme.",
        "Une fenêtre (window) s'ouvre : function est un mot anglais.",
    ] {
        assert_eq!(of_line(line), None, "{line}");
    }
}

#[test]
fn code_inside_a_line_is_found_with_its_end() {
    let line = "l'entrée du métro. window.pvp_c = new Pvp('dm', {id: \"x\"}, {\"mute\": true, \"autoplay\": false";
    let spans = script_spans(line);
    assert_eq!(spans.len(), 1);
    assert_eq!(&line[..spans[0].start], "l'entrée du métro. ");
    assert_eq!(spans[0].end, line.len());

    let line =
        "d'intention\".=11pt=10.0pt[EMBED url=\"https://a.fr/b.html\"]Toutefois, dans l'Express";
    let found: Vec<&str> = script_spans(line)
        .into_iter()
        .map(|span| &line[span])
        .collect();
    assert_eq!(found, ["=11pt=10.0pt[EMBED url=\"https://a.fr/b.html\"]"]);
}

#[test]
fn an_article_about_code_is_not_taken_for_code() {
    for line in [
        "La balise <script> est un danger pour les lecteurs de ce site, car a = b.",
        "L'objet window.dataLayer contient ce que la page a mesuré, et {} est vide.",
        "Une function( est ouverte.",
    ] {
        assert!(script_spans(line).is_empty(), "{line}");
    }
}
